//! The codes of problems in a file.

crate::codes! {
    /// Stable codes of what is wrong with a file.
    pub enum Code {
        /// The file is not UTF-8, is empty, is too large or has more than one YAML document.
        BadText = "bad-text",
        /// The file is of another program: Compose, containerlab or Kubernetes.
        OtherFormat = "other-format",
        /// The file is not valid YAML.
        BadYaml = "bad-yaml",
        /// A key is not known.
        UnknownKey = "unknown-key",
        /// A key is written twice.
        DuplicateKey = "duplicate-key",
        /// A value is of the wrong type or cannot be read.
        BadValue = "bad-value",
        /// A required key or value is missing.
        Missing = "missing",
        /// A name is not allowed.
        BadName = "bad-name",
        /// A name is used for two things.
        NameInUse = "name-in-use",
        /// A name is not defined.
        UnknownName = "unknown-name",
        /// A subnet cannot be used.
        BadSubnet = "bad-subnet",
        /// Two subnets overlap.
        SubnetOverlap = "subnet-overlap",
        /// An address is outside its network's subnets.
        AddressOutsideSubnet = "address-outside-subnet",
        /// An address is used twice.
        AddressInUse = "address-in-use",
        /// An address is the gateway's, the network's or the broadcast address.
        AddressReserved = "address-reserved",
        /// A network has too few addresses, or too many members.
        NetworkFull = "network-full",
        /// A MAC address is used twice on a network.
        MacInUse = "mac-in-use",
        /// An interface name is used twice in a node.
        InterfaceInUse = "interface-in-use",
        /// A host port is published twice.
        PortPublishedTwice = "port-published-twice",
        /// A published port could never be reached.
        PublishNoEffect = "publish-no-effect",
        /// A policy could never have an effect.
        PolicyNoEffect = "policy-no-effect",
        /// Dependencies form a cycle, or name a node without a command.
        BadDependency = "bad-dependency",
        /// Two expectations contradict each other.
        ExpectContradiction = "expect-contradiction",
        /// A route's next hop is not on any of the node's prefixes.
        RouteUnreachable = "route-unreachable",
        /// The file has more of something than hallway supports.
        TooMany = "too-many",
    }
}

crate::codes! {
    /// Stable codes of warnings about a file.
    pub enum WarningCode {
        /// An earlier policy decides everything that this one applies to.
        PolicyShadowed = "policy-shadowed",
        /// The two ends of a link have addresses of different subnets.
        LinkSubnets = "link-subnets",
        /// A published range is too long to be served on localhost.
        NotOnLocalhost = "not-on-localhost",
    }
}
