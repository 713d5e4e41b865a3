//! The codes of problems in a file.

crate::codes! {
    /// Stable codes of what is wrong with a file.
    pub enum Code {
        /// The file is not UTF-8, is empty, is too large or has more than one YAML document.
        BadText = "bad-text",
        /// The file is of another program that hallway does not read, like Kubernetes.
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
        /// A name is used for two things, or two nodes have names that differ only in case.
        NameInUse = "name-in-use",
        /// A name is not defined.
        UnknownName = "unknown-name",
        /// The name of a port means several ports where it is used.
        PortNameAmbiguous = "port-name-ambiguous",
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
        /// A program that shares a namespace has what only the node itself can have.
        SharedNamespace = "shared-namespace",
        /// Dependencies form a cycle, name a node without a command, or wait for a condition that cannot
        /// be met.
        BadDependency = "bad-dependency",
        /// Two expectations contradict each other.
        ExpectContradiction = "expect-contradiction",
        /// A route cannot work: its next hop is not another address on the node's prefixes, or its
        /// destination is one of these.
        RouteUnreachable = "route-unreachable",
        /// A node has two routes to one destination.
        RouteTwice = "route-twice",
        /// A node that forwards nothing, or is in a namespace of other programs, has `masquerade`.
        MasqueradeNoEffect = "masquerade-no-effect",
        /// The file has more of something than hallway supports.
        TooMany = "too-many",
        /// A `$` of a Compose file is not followed by a variable that can be read.
        BadInterpolation = "bad-interpolation",
        /// A variable that a Compose file requires is not set.
        MissingVariable = "missing-variable",
        /// A file that another one names cannot be read.
        FileUnreadable = "file-unreadable",
        /// Files or services include or extend one another in a cycle.
        ImportCycle = "import-circle",
        /// A service depends on one that belongs to a profile that is not active.
        InactiveProfile = "inactive-profile",
        /// An external network cannot be joined as the file has it.
        ExternalNetwork = "external-network",
        /// A network with a parent cannot have what the file gives it.
        ParentNetwork = "parent-network",
        /// A file of another format requires something that hallway cannot do.
        NotSupported = "not-supported",
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
