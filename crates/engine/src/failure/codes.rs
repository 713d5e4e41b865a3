//! The stable codes of failures and warnings. `docs/errors.md` lists them with these meanings.

hallway_spec::codes! {
    /// Codes of failures of the engine.
    pub enum FailureCode {
        /// The run was interrupted; the former state has been restored.
        Interrupted = "interrupted",
        /// A file of the state directory cannot be used, or is left after `down`: something is mounted there.
        StateDirectory = "state-directory",
        /// A directory or file of the state directory is not this user's alone, or is a link.
        StateUnsafe = "state-unsafe",
        /// The program is installed with more rights than its caller.
        SetUserId = "set-user-id",
        /// SUDO_UID, SUDO_GID or PKEXEC_UID is not a number.
        CallingUser = "calling-user",
        /// There is no directory for state.
        NoStateDirectory = "no-state-directory",
        /// A record was written by another version of hallway.
        RecordVersion = "record-version",
        /// A record cannot be read.
        RecordDamaged = "record-damaged",
        /// The state of the kernel could not be read.
        Kernel = "kernel",
        /// A step of a plan failed; the former state has been restored.
        StepFailed = "step-failed",
        /// The kernel does not have a setting of the file, or does not change it in a node.
        SettingRefused = "setting-refused",
        /// Objects that were built are missing or changed; the former state has been restored.
        NotKept = "not-kept",
        /// A node's interfaces, addresses or routes do not stay as they must be; everything else is as requested.
        NodeNotKept = "node-not-kept",
        /// The directory of named namespaces cannot be used, or something is mounted over it.
        NetnsDirectory = "netns-directory",
        /// The project was built from another file.
        OtherFile = "other-file",
        /// A keeper runs the project with another state directory.
        OtherStateDirectory = "other-state-directory",
        /// A policy needs br_netfilter, which is not loaded.
        NoBrNetfilter = "no-br-netfilter",
        /// The kernel has no netem, which impairments need.
        NoNetem = "no-netem",
        /// The kernel has no macvlan interfaces, or no VLANs, which a network with a parent needs.
        NoLinkKind = "no-link-kind",
        /// Another process has given the address to another node.
        AddressLeased = "address-leased",
        /// Another program, another project, or a rule of another program that redirects it has the port.
        PortInUse = "port-in-use",
        /// Too many files are open to listen on another port.
        OpenFiles = "open-files",
        /// A port cannot be listened on.
        Listener = "listener",
        /// The guard, which closes the project's networks when its rules are missing, cannot be loaded.
        Guard = "guard-not-loaded",
        /// A program ended, or was not ready in time; the former state has been restored, or with `up --wait` the project stays up.
        NotReady = "not-ready",
        /// An expectation of the file is not met; the former state has been restored.
        ExpectationFailed = "expectation-failed",
        /// The project's file on record cannot be read again.
        SourceUnreadable = "source-unreadable",
        /// The project's keeper could not be started.
        KeeperNotStarted = "keeper-not-started",
        /// The project's keeper does not answer.
        KeeperLost = "keeper-lost",
        /// The project's keeper is stopped or hangs.
        KeeperStopped = "keeper-stopped",
        /// The project's keeper is of another version of hallway.
        KeeperVersion = "keeper-version",
        /// A request cannot be sent to the keeper.
        KeeperMessage = "keeper-message",
        /// The user that a program is to run as does not exist.
        User = "user",
        /// The node has no program.
        NoProgram = "no-program",
        /// The process that binds ports of the machine cannot be started.
        Porter = "porter",
        /// /proc is not mounted.
        NoProc = "no-proc",
        /// The root directory is that of a chroot.
        Chroot = "chroot",
        /// A filter of system calls refuses one that hallway needs.
        CallRefused = "system-call",
        /// The machine does not allow user namespaces.
        NoUserNamespaces = "no-user-namespaces",
        /// A sandbox cannot be made, entered or ended.
        Sandbox = "sandbox",
        /// The interface does not exist.
        NoSuchInterface = "no-such-interface",
        /// Packets cannot be captured.
        Capture = "capture",
        /// The node's namespace does not exist.
        NodeMissing = "node-missing",
        /// A defect of hallway.
        Bug = "bug",
    }
}

hallway_spec::codes! {
    /// Codes of warnings of the engine.
    pub enum WarningCode {
        /// This user may not listen on so low a port of the machine.
        PrivilegedPort = "privileged-port",
        /// Something is published on an address that the host does not have.
        AddressMissing = "address-missing",
        /// The machine has no /etc/hosts or /etc/resolv.conf, over which that of a node could be mounted.
        NoFile = "no-file",
        /// A program failed that the programs which depend on it do not require (`required: false`).
        NotRequired = "not-required",
        /// A program has ended, and the change that a command made does not start it again.
        NotRunning = "not-running",
        /// The host's name servers are on its own localhost or have link-local addresses, which nodes cannot reach.
        NameServers = "name-servers",
        /// IPv6 is turned off on the host, and the project has IPv6.
        Ipv6Off = "ipv6-off",
        /// A link of other programs has an address of the project.
        AddressElsewhere = "address-elsewhere",
        /// A program of the host listens on a published port, and gets none of its packets.
        PortTaken = "port-taken",
        /// A rule of another program drops packets of the project, or sends them elsewhere.
        Blocked = "blocked",
        /// The host drops packets to published ports, since its route back is by another interface (rp_filter).
        ReversePathFilter = "wrong-way",
    }
}
