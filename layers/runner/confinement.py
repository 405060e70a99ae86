"""What a child may not do: take all memory, compute for ever, reach the network, start programs.

Media is hostile input and its decoders are C. A limit that is hit ends this child and nothing
else. On Linux all of it is in force; elsewhere the memory limit may not be, and the network is not
cut off (`not_in_force` says what).
"""

from __future__ import annotations

import ctypes
import math
import os
import platform
import re
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38  # linux/prctl.h
_CAPABILITIES_V3 = 0x20080522  # linux/capability.h
_OVER_FILES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1  # linux/seccomp.h
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_ABOVE, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # struct seccomp_data
_X32_NUMBERS = 0x40000000
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|DATABASE_URL|CREDENTIAL", re.IGNORECASE)

_not_in_force: list[str] = []


@dataclass(frozen=True, slots=True)
class _Machine:
    """Of one kind of machine: its audit number, and its numbers of the calls that are refused."""

    architecture: int
    seccomp: int
    network: tuple[int, ...]
    processes: tuple[int, ...]
    programs: tuple[int, ...]


# linux/audit.h and the tables of system calls. Network: socket, and io_uring_setup, which has a
# way of its own to one. Processes, what reaches into others: ptrace, process_vm_readv,
# process_vm_writev, pidfd_open, pidfd_getfd. Programs: execve, execveat.
_MACHINES = {
    "x86_64": _Machine(0xC000003E, 317, (41, 425), (101, 310, 311, 434, 438), (59, 322)),
    "aarch64": _Machine(0xC00000B7, 277, (198, 425), (117, 270, 271, 434, 438), (221, 281)),
}


def confine(memory_bytes: int, *, programs: bool) -> None:
    """Limit this process, for good.

    Parameters
    ----------
    memory_bytes
        Of its own data, as the kernel counts it (RLIMIT_DATA): libraries and files that are only
        mapped cost nothing.
    programs
        Whether it may start other programs.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the face
    if sys.platform != "linux":
        _not_in_force.extend(("memory", "network"))
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    forget_secrets()
    refuse_inspection()
    _give_up_privileges()
    if not _refuse_calls(programs=programs):
        _not_in_force.append("network")


def not_in_force() -> tuple[str, ...]:
    """Return which limits this system does not have."""
    return tuple(_not_in_force)


def within_cpu_time(
    limit_s: float,
    function: Callable[_Arguments, _Result],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Result:
    """Call a function; a child that computes for longer than `limit_s` is killed by SIGXCPU.

    Raises
    ------
    MemoryError
        Without the one that it stands for: its traceback would keep what filled the memory.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    until_s = math.ceil(used.ru_utime + used.ru_stime + limit_s)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until_s, hard))
    try:
        return function(*args, **kwargs)
    except MemoryError:
        pass
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    raise MemoryError


def was_out_of_cpu_time(exit_code: int | None) -> bool:
    """Whether a child ended by the limit of `within_cpu_time`."""
    return exit_code == -signal.SIGXCPU


def refuse_inspection() -> None:
    """Close this process's memory, environment and open files to others of the same user.

    A filter of calls can't: they are files below /proc. Whatever starts confined children calls
    it first, as it holds what they must not have.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def start_tracker_without_secrets() -> None:
    """Start multiprocessing's resource tracker, which would keep our environment open to all."""
    secrets = {name: os.environ.pop(name) for name in _names_of_secrets()}
    try:
        resource_tracker.ensure_running()
    finally:
        os.environ.update(secrets)


def forget_secrets(*, but: tuple[str, ...] = ()) -> None:
    """Overwrite keys and passwords that came with the environment.

    Parameters
    ----------
    but
        Beginnings of names that are left alone. No child needs any.
    """
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    for name in [name for name in _names_of_secrets() if not name.startswith(but)]:
        place = library.getenv(name.encode())
        if place:
            # Where /proc shows it, too, which a mere removal would not reach.
            ctypes.memset(place, 0, len(ctypes.string_at(place)))
        del os.environ[name]


def _names_of_secrets() -> list[str]:
    return [name for name in os.environ if _SECRET.search(name)]


def _give_up_privileges() -> None:
    """Drop what root may beyond reading files, as looking into any process; others have nothing."""
    library = ctypes.CDLL(None)
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    if library.capget(head, sets) == 0:
        library.capset(head, (ctypes.c_uint32 * 6)(*(low & _OVER_FILES for low in sets[:3])))


class _Instruction(ctypes.Structure):
    """struct sock_filter."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def _refuse_calls(*, programs: bool) -> bool:
    """Have the kernel refuse calls in every thread of this process; False where it can't."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    refused = machine.network + machine.processes
    if not programs:
        refused += machine.programs
    written = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 1, 0, machine.architecture),
        (_RETURN, 0, 0, _REFUSE),  # calls of another architecture have other numbers
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        (_JUMP_IF_ABOVE, len(refused) + 1, 0, _X32_NUMBERS),
        *(
            (_JUMP_IF_EQUAL, len(refused) - index, 0, number)
            for index, number in enumerate(refused)
        ),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    instructions = (_Instruction * len(written))(*(_Instruction(*one) for one in written))
    program = _Program(len(written), instructions)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    status = library.syscall(
        machine.seccomp,
        _SECCOMP_SET_MODE_FILTER,
        _SECCOMP_FILTER_FLAG_TSYNC,
        ctypes.byref(program),
    )
    return int(status) == 0
