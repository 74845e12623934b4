//! The machine that this process runs on, by its own account: to tell it from others that share a file system with it.

use crate::error::sanitized;
use std::ffi::CStr;
use std::fs;

/// Where Linux says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Longer than names of machines are.
const SYSTEM_OCTETS: usize = 1024;

/// What this machine calls itself; a container has a name of its own.
pub fn host_name() -> Option<String> {
    let mut name = [0; SYSTEM_OCTETS];
    // SAFETY: the length is one less than there is room for, so that the name has its end.
    let status = unsafe { libc::gethostname(name.as_mut_ptr(), name.len() - 1) };
    // SAFETY: the last octet is zero, whatever the call has written.
    let name = (status == 0).then(|| unsafe { CStr::from_ptr(name.as_ptr()) })?;
    Some(sanitized(&name.to_string_lossy()))
}

/// What tells this start of the machine from others; nothing where the system does not say.
pub(super) fn boot() -> String {
    fs::read_to_string(BOOT).map(|text| text.trim().to_owned()).unwrap_or_default()
}
