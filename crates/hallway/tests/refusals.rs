hallway_testkit::tests![];
