"""A seccomp filter that refuses the system calls no estimator needs: sockets, new programs, kernel doors.

Sources: seccomp(2), linux/filter.h, and the kernel's tables of system call numbers for the two architectures.
"""

from __future__ import annotations

import ctypes
import os

from predictions.sandbox import kernel

_EPERM, _EACCES, _ENOSYS = 1, 13, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32_BIT = 0x40000000
_MODE_FILTER = 2
# CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS together.
_NEW_NAMESPACES = 0x7E020000

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE3 = 435
# io_uring, the mount family, pidfd_open, pidfd_getfd, process_madvise, mount_setattr: same numbers everywhere.
_REFUSED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442)
_REFUSED = {
    # execve, ptrace, personality, pivot_root, adjtimex, acct, settimeofday, mount, umount2, swapon, swapoff, reboot,
    # sethostname, setdomainname, iopl, ioperm, init_module, delete_module, quotactl, clock_settime, kexec_load,
    # add_key, request_key, keyctl, unshare, perf_event_open, fanotify_init, name_to_handle_at, open_by_handle_at,
    # clock_adjtime, setns, process_vm_readv, process_vm_writev, kcmp, finit_module, kexec_file_load, bpf, execveat,
    # userfaultfd
    "x86_64": (
        *(
            59,
            101,
            135,
            155,
            159,
            163,
            164,
            165,
            166,
            167,
            168,
            169,
            170,
            171,
            172,
            173,
            175,
            176,
            179,
            227,
            246,
        ),
        *(248, 249, 250, 272, 298, 300, 303, 304, 305, 308, 310, 311, 312, 313, 320, 321, 322, 323),
    ),
    "aarch64": (
        *(221, 117, 92, 41, 171, 89, 170, 40, 39, 224, 225, 142, 161, 162, 105, 106, 60, 112, 104),
        *(217, 218, 219, 97, 241, 262, 264, 265, 266, 268, 270, 271, 272, 273, 294, 280, 281, 282),
    ),
}


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


def _refuse(number: int, error: int) -> list[_Instruction]:
    return [_Instruction(_JUMP_EQUAL, 0, 1, number), _Instruction(_RETURN, 0, 0, _ERRNO | error)]


def _filter(machine: str) -> list[_Instruction]:
    program = [
        _Instruction(_LOAD, 0, 0, _ARCH_AT),
        _Instruction(_JUMP_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        _Instruction(_RETURN, 0, 0, _KILL),
        _Instruction(_LOAD, 0, 0, _NUMBER_AT),
        _Instruction(_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        _Instruction(_RETURN, 0, 0, _ERRNO | _ENOSYS),
    ]
    program += _refuse(_SOCKET[machine], _EACCES)
    # Its flags lie in memory where a filter cannot look; libraries fall back to clone.
    program += _refuse(_CLONE3, _ENOSYS)
    for number in (*_REFUSED_EVERYWHERE, *_REFUSED[machine]):
        program += _refuse(number, _EPERM)
    program += [
        _Instruction(_JUMP_EQUAL, 0, 3, _CLONE[machine]),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        _Instruction(_JUMP_SET, 0, 1, _NEW_NAMESPACES),
        _Instruction(_RETURN, 0, 0, _ERRNO | _EPERM),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    ]
    return program


def restrict() -> None:
    """Load the filter for this process and all it starts. Needs no_new_privs. Raises OSError, KeyError."""
    instructions = _filter(os.uname().machine)
    array = (_Instruction * len(instructions))(*instructions)
    program = _Program(len(instructions), ctypes.cast(array, ctypes.POINTER(_Instruction)))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    done = libc.prctl(
        ctypes.c_int(kernel.PR_SET_SECCOMP), ctypes.c_ulong(_MODE_FILTER), ctypes.byref(program), zero, zero
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
