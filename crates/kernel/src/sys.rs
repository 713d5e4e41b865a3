//! System calls that need unsafe code: the only unsafe code of hallway.
#![allow(unsafe_code)]

use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, SystemTime};

use crate::KernelError;
use crate::limits::raise_limits;
pub use crate::namespace::NamespaceKind;
pub(crate) use crate::namespace::setns;
use crate::namespace::unshare_flags;

mod outsider;

pub use outsider::{as_user, is_outsider};

/// Gives the calling thread new namespaces of these kinds (unshare(2)).
pub(crate) fn unshare(kinds: &[NamespaceKind]) -> Result<(), KernelError> {
    let flags = unshare_flags(kinds);
    // SAFETY: none of the flags used here (NEWUSER, NEWNS, NEWNET, NEWUTS, NEWPID) takes away memory or
    // descriptors that other code of this process relies on; CLONE_FILES and CLONE_FS, which
    // are why rustix marks this unsafe, are never passed.
    unsafe { rustix::thread::unshare_unsafe(flags) }
        .map_err(|e| KernelError::new("create a new namespace", "", e))
}

/// Whether this program was given rights that its caller does not have: it is set-user-ID or
/// set-group-ID, has file capabilities, or the kernel reports it for another reason (AT_SECURE,
/// getauxval(3)).
#[must_use]
pub fn has_rights_of_its_file() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    // SAFETY: reads a number that the kernel gave this process when it started.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
    secure != 0 || getuid() != geteuid() || getgid() != getegid()
}

/// Makes a program that is about to be started inherit no environment, no blocked or ignored signal,
/// no limit on its files, memory and processor time that can be raised, and no descriptor except its
/// standard streams: every other one is closed when it starts (FD_CLOEXEC).
pub fn inherit_nothing(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    command.env_clear();
    let last = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let last = last.map_or(1 << 20, |limit| limit.min(1 << 20)) as libc::c_int;
    // SAFETY: runs between fork and exec; it only makes system calls.
    unsafe {
        command.pre_exec(move || {
            close_on_exec(last);
            reset_signals();
            raise_limits();
            Ok(())
        })
    };
}

/// No signal is blocked (sigprocmask(2)), and each has its default action (signal(2)).
fn reset_signals() {
    const LAST: libc::c_int = 64; // _NSIG, asm/signal.h
    for number in 1..=LAST {
        // SAFETY: sets no handler. A signal that has no other action (SIGKILL), or that the C library
        // keeps for itself, is EINVAL.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    // SAFETY: the set is on the stack, and initialized by the first call.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

/// Marks every descriptor from 3 on; one by one on kernels before 5.11, up to `last`.
fn close_on_exec(last: libc::c_int) {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2; // linux/close_range.h
    // SAFETY: takes no pointers, and sets a flag only: no descriptor is closed here.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as libc::c_uint,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
    if marked != 0 {
        for number in 3..last {
            // SAFETY: takes no pointers; a number that is not a descriptor is EBADF.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

/// Makes a program that is about to be started run as another user, without any capability, and
/// unable to get one. [`kill_with_parent`] must be called after this: the kernel resets its setting
/// when the user changes.
pub fn run_as(command: &mut std::process::Command, user: u32, group: u32, groups: &[u32]) {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Gid, Uid};
    use rustix::thread::{self, CapabilitySet, CapabilitySets};
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    let groups: Vec<Gid> = groups.iter().map(|g| Gid::from_raw(*g)).collect();
    let drop_rights = move || {
        thread::set_thread_groups(&groups)?;
        thread::set_thread_res_gid(group, group, group)?;
        thread::set_thread_res_uid(user, user, user)?;
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        thread::set_capabilities(None, none)?;
        thread::set_no_new_privs(true)?;
        Ok(())
    };
    // SAFETY: runs between fork and exec; it only makes system calls on values that exist already.
    unsafe { command.pre_exec(drop_rights) };
}

/// Makes a program that is about to be started keep the capabilities of this process, if that
/// [`is_outsider`]: for the kernel it is not root there, so it would lose them.
pub fn keep_capabilities(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;

    use rustix::thread::{self, CapabilitySets};
    if !is_outsider() {
        return;
    }
    let keep = || {
        let permitted = thread::capabilities(None)?.permitted;
        let sets = CapabilitySets {
            effective: permitted,
            permitted,
            inheritable: permitted,
        };
        thread::set_capabilities(None, sets)?;
        for one in permitted.iter() {
            thread::configure_capability_in_ambient_set(one, true)?;
        }
        Ok(())
    };
    // SAFETY: runs between fork and exec; it only makes system calls.
    unsafe { command.pre_exec(keep) };
}

/// Makes a program that is about to be started root of the sandbox, if this process
/// [`is_outsider`]. It may not inspect processes of other users there: this one is one of them.
pub fn become_its_root(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Gid, Uid};
    use rustix::thread::{self, CapabilitySet, CapabilitySets};
    if !is_outsider() {
        return;
    }
    let change = || {
        thread::remove_capability_from_bounding_set(CapabilitySet::SYS_PTRACE)?;
        let permitted = thread::capabilities(None)?.permitted;
        let sets = CapabilitySets {
            effective: permitted,
            permitted,
            // This also removes what keep_capabilities added.
            inheritable: CapabilitySet::empty(),
        };
        thread::set_capabilities(None, sets)?;
        thread::set_thread_groups(&[])?;
        thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
        thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?;
        Ok(())
    };
    // SAFETY: runs between fork and exec; it only makes system calls.
    unsafe { command.pre_exec(change) };
}

/// Makes the kernel kill a program that is about to be started when the thread that starts it ends.
pub fn kill_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    let parent = rustix::process::getpid();
    let arm = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        match rustix::process::getppid() == Some(parent) {
            true => Ok(()),
            false => Err(rustix::io::Errno::SRCH.into()), // it ended before the line above
        }
    };
    // SAFETY: runs between fork and exec; it makes two system calls, and neither allocates nor
    // takes a lock.
    unsafe { command.pre_exec(arm) };
}

/// The kernel's data about a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// The length of the frame, which may be more than the buffer has.
    pub(crate) length: usize,
    /// The interface's index.
    pub(crate) interface: u32,
    /// PACKET_HOST and its like.
    pub(crate) kind: u8,
    /// When the kernel received it; now, if it gave no time.
    pub(crate) time: SystemTime,
}

fn last(operation: &'static str) -> KernelError {
    KernelError::io(operation, "", &std::io::Error::last_os_error())
}

/// A packet socket that receives all frames, of all interfaces (0) or of one, with their times.
pub(crate) fn packet_socket(interface: u32) -> Result<OwnedFd, KernelError> {
    const OPEN: &str = "open a packet socket";
    let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // Without a protocol, so that no frame is received before it is bound.
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, flags, 0) };
    if fd < 0 {
        return Err(last(OPEN));
    }
    // SAFETY: the descriptor was just made and has no other owner.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length are those of `on`, which outlives the call.
    let set = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if set < 0 {
        return Err(last(OPEN));
    }
    // SAFETY: sockaddr_ll is plain numbers, of which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface.cast_signed();
    // SAFETY: the pointer and the length are those of `address`, which outlives the call.
    let bound = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if bound < 0 { Err(last(OPEN)) } else { Ok(fd) }
}

/// Makes an interface promiscuous until the socket is closed.
pub(crate) fn packet_promiscuous(
    socket: BorrowedFd<'_>,
    interface: u32,
) -> Result<(), KernelError> {
    let member = libc::packet_mreq {
        mr_ifindex: interface.cast_signed(),
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    // SAFETY: the pointer and the length are those of `member`, which outlives the call.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const member).cast(),
            size_of::<libc::packet_mreq>() as libc::socklen_t,
        )
    };
    if set < 0 {
        return Err(last("make the interface promiscuous"));
    }
    Ok(())
}

/// Room for one timestamp; u64 for its alignment.
type Control = [u64; 8];

/// Reads a frame, if there is one.
pub(crate) fn packet_receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<Option<Received>, KernelError> {
    // SAFETY: sockaddr_ll is plain numbers, of which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut control: Control = [0; 8];
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: msghdr is numbers and pointers, of which zero (null) is a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_name = (&raw mut address).cast();
    message.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: every pointer in `message` is to a local or to `buffer`, with its true length, and
    // all outlive the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_TRUNC) };
    let Ok(length) = usize::try_from(length) else {
        let error = std::io::Error::last_os_error();
        return match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted => Ok(None),
            _ => Err(KernelError::io("receive a packet", "", &error)),
        };
    };
    // The kernel left `msg_controllen` at what it wrote of `control`.
    Ok(Some(Received {
        length,
        interface: address.sll_ifindex.cast_unsigned(),
        kind: address.sll_pkttype,
        time: timestamp(&message).unwrap_or_else(SystemTime::now),
    }))
}

/// The time among a message's control data; `message.msg_control` must still be valid.
fn timestamp(message: &libc::msghdr) -> Option<SystemTime> {
    // SAFETY: recvmsg filled the control buffer, which the caller still holds, and set its length;
    // CMSG_FIRSTHDR and CMSG_NXTHDR stay within that length or give null.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it points to a whole header within the buffer, aligned as u64.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPNS {
            // SAFETY: the data of a SCM_TIMESTAMPNS message is a timespec.
            let time: libc::timespec =
                unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(header).cast()) };
            let seconds = Duration::from_secs(u64::try_from(time.tv_sec).ok()?);
            let rest = Duration::from_nanos(u64::try_from(time.tv_nsec).ok()?);
            return SystemTime::UNIX_EPOCH.checked_add(seconds + rest);
        }
        // SAFETY: as for CMSG_FIRSTHDR.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

/// How many frames were dropped because the buffer was full, since the last call.
pub(crate) fn packet_drops(socket: BorrowedFd<'_>) -> Result<u32, KernelError> {
    // SAFETY: tpacket_stats is plain numbers, of which zero is a value.
    let mut counts: libc::tpacket_stats = unsafe { zeroed() };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the pointers are to locals that outlive the call, the length is the true one.
    let got = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut length,
        )
    };
    if got < 0 {
        return Err(last("read the counts of a packet socket"));
    }
    Ok(counts.tp_drops)
}

/// Locks one byte of a file for its open file description (F_OFD_SETLK); EAGAIN if it is locked.
pub fn lock_byte(file: BorrowedFd<'_>, offset: u32) -> Result<(), KernelError> {
    // SAFETY: flock is plain numbers, of which zero is a value.
    let mut lock: libc::flock = unsafe { zeroed() };
    (lock.l_type, lock.l_len) = (libc::F_WRLCK as libc::c_short, 1);
    lock.l_start = offset.into();
    // SAFETY: the pointer is to a local that outlives the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
        0.. => Ok(()),
        _ => Err(last("lock")),
    }
}

/// The state of a TCP socket: the first byte of its TCP_INFO (tcp(7)).
pub(crate) fn tcp_state(fd: BorrowedFd<'_>) -> Option<u8> {
    let (mut state, mut length) = (0u8, 1);
    let (level, name) = (libc::IPPROTO_TCP, libc::TCP_INFO);
    let value = (&raw mut state).cast();
    // SAFETY: the kernel writes at most `length` bytes.
    let got = unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value, &raw mut length) };
    (got == 0).then_some(state)
}
