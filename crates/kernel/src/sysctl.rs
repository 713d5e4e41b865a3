//! Settings below /proc/sys; those below `net` are of the calling thread's network namespace.

use crate::KernelError;

/// Reads a setting, like `net/ipv4/conf/eth0/forwarding`, without the line's end.
///
/// # Errors
/// ENOENT where the kernel has no such setting.
pub fn read(key: &str) -> Result<String, KernelError> {
    std::fs::read_to_string(format!("/proc/sys/{key}"))
        .map(|text| text.trim_end().to_owned())
        .map_err(|e| KernelError::io("read the setting", key, &e))
}

/// Writes a setting.
///
/// # Errors
/// EACCES or EROFS where /proc/sys may not be written.
pub fn write(key: &str, value: &str) -> Result<(), KernelError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    options
        .open(format!("/proc/sys/{key}"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, value.as_bytes()))
        .map_err(|e| KernelError::io("write the setting", key, &e))
}
