//! Error numbers as the kernel returns them. Numbers are the same for every 64-bit guest we run.

use brolga_core::Fault;

/// A positive Linux error number, or one of the kernel-internal restart codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

/// What a system call gives back: the result word or an error.
pub type SysResult = Result<u64, Errno>;

impl Errno {
    /// Restart the call after a handler with `SA_RESTART`, else `EINTR` (include/linux/errno.h).
    pub const RESTARTSYS: Errno = Errno(512);
    /// Restart the call after any handler: it had not begun.
    pub const RESTARTNOINTR: Errno = Errno(513);

    /// Splits a raw kernel result.
    pub fn check(raw: i64) -> SysResult {
        if (-4095..0).contains(&raw) { Err(Errno(-raw as i32)) } else { Ok(raw as u64) }
    }

    /// The error of an I/O operation of the standard library.
    pub fn of(e: &std::io::Error) -> Errno {
        Errno(e.raw_os_error().unwrap_or(libc::EIO))
    }

    /// Symbolic name, `EUNKNOWN` for numbers without one.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(n, _)| *n == self.0).map_or("EUNKNOWN", |(_, s)| s)
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Errno {}

impl From<Fault> for Errno {
    fn from(_: Fault) -> Errno {
        Errno(libc::EFAULT)
    }
}

macro_rules! names {
    ($($n:ident)*) => { &[$((libc::$n, stringify!($n))),*, (512, "ERESTARTSYS"), (513, "ERESTARTNOINTR")] };
}

static NAMES: &[(i32, &str)] = names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE
    EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ENOSTR ENODATA ETIME ENOLINK EPROTO EBADMSG
    EOVERFLOW EILSEQ EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT
    EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET
    ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EDQUOT
    ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE
};
