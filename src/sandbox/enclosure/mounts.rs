//! The few mounts that an enclosure makes, in the mount namespace of the process that calls.

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;

use std::os::unix::ffi::OsStrExt;

/// A tmpfs over `target`.
pub(super) fn tmpfs(target: &Path) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(Some(c"tmpfs"), &c_path(target)?, Some(c"tmpfs"), flags, Some(c"mode=0755,size=4m"))
}

/// A new `/proc`, which shows the processes of this PID namespace.
pub(super) fn proc() -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None)
}

/// `file` in the place of `target`, or of what that links to.
pub(super) fn bind(file: &Path, target: &Path) -> io::Result<()> {
    mount(Some(&c_path(file)?), &c_path(target)?, None, libc::MS_BIND, None)
}

/// Keeps what is mounted here from every other mount namespace.
pub(super) fn keep_to_ourselves() -> io::Result<()> {
    let change = |how| mount(None, c"/", None, libc::MS_REC | how, None);
    // Either suffices; a namespace with fewer privileges than its parent may be refused the first.
    change(libc::MS_PRIVATE).or_else(|_| change(libc::MS_SLAVE))
}

/// Takes away what is mounted on `target`, now if it is in use later.
#[expect(unsafe_code, reason = "rustix's mounts are behind a feature that nothing else here needs")]
pub(super) fn detach(target: &Path) -> io::Result<()> {
    let target = c_path(target)?;
    // SAFETY: the path is a live C string; the call changes this process's mount namespace only.
    let failed = unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "rustix's mounts are behind a feature that nothing else here needs")]
fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    options: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: every pointer is null or a C string that outlives the call, and the kernel takes null for none.
    let failed = unsafe {
        libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(options).cast::<libc::c_void>())
    } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
