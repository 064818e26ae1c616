"""The calls to the kernel that a student's process may make: a list of what numpy, IPython, matplotlib and processes need.

All others do not exist in there (ENOSYS, on which C libraries fall back to an older way): no mounts, no namespaces, no keys,
no io_uring, bpf, perf, userfaultfd, ptrace, memfd, no shared memory of System V, no other user, no other processor. Four
calls are looked at: `clone` makes threads and processes and no namespaces, `prctl` changes names and not what keeps a process
in, sockets are UNIX's own or TCP and UDP of the empty network.

The filter is a list of instructions for the kernel's classic BPF, made here: libseccomp is a library of the system, and no
package that pip alone installs brings it. The numbers are those of the kernel's headers; a test compares them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import cache

# name=number on x86_64/number on aarch64, where a name has one.
ALLOWED = {
    "files": """
        read=0/63 write=1/64 open=2/- openat=257/56 openat2=437/437 creat=85/- close=3/57 close_range=436/436
        stat=4/- fstat=5/80 lstat=6/- newfstatat=262/79 statx=332/291 poll=7/- ppoll=271/73 lseek=8/62
        pread64=17/67 pwrite64=18/68 readv=19/65 writev=20/66 preadv=295/69 pwritev=296/70 preadv2=327/286
        pwritev2=328/287 access=21/- faccessat=269/48 faccessat2=439/439 pipe=22/- pipe2=293/59 select=23/-
        pselect6=270/72 dup=32/23 dup2=33/- dup3=292/24 fcntl=72/25 flock=73/32 fsync=74/82 fdatasync=75/83
        sync_file_range=277/84 truncate=76/45 ftruncate=77/46 fallocate=285/47 fadvise64=221/223
        readahead=187/213 getdents=78/- getdents64=217/61 getcwd=79/17 chdir=80/49 fchdir=81/50 rename=82/-
        renameat=264/38 renameat2=316/276 mkdir=83/- mkdirat=258/34 rmdir=84/- link=86/- linkat=265/37
        unlink=87/- unlinkat=263/35 symlink=88/- symlinkat=266/36 readlink=89/- readlinkat=267/78 mknod=133/-
        mknodat=259/33 chmod=90/- fchmod=91/52 fchmodat=268/53 fchmodat2=452/452 chown=92/- fchown=93/55
        lchown=94/- fchownat=260/54 umask=95/166 utime=132/- utimes=235/- utimensat=280/88 futimesat=261/-
        statfs=137/43 fstatfs=138/44 copy_file_range=326/285 sendfile=40/71 getxattr=191/8 lgetxattr=192/9
        fgetxattr=193/10 listxattr=194/11 llistxattr=195/12 flistxattr=196/13 eventfd=284/- eventfd2=290/19
        epoll_create=213/- epoll_create1=291/20 epoll_ctl=233/21 epoll_wait=232/- epoll_pwait=281/22
        epoll_pwait2=441/441 signalfd=282/- signalfd4=289/74 timerfd_create=283/85 timerfd_settime=286/86
        timerfd_gettime=287/87 ioctl=16/29
    """,
    "memory": """
        mmap=9/222 mprotect=10/226 munmap=11/215 brk=12/214 mremap=25/216 msync=26/227 mincore=27/232
        madvise=28/233 membarrier=324/283 get_mempolicy=239/236
    """,
    "processes and threads": """
        fork=57/- vfork=58/- execve=59/221 execveat=322/281 exit=60/93 exit_group=231/94 wait4=61/260
        waitid=247/95 kill=62/129 tkill=200/130 tgkill=234/131 pidfd_open=434/434 pidfd_send_signal=424/424
        getpid=39/172 gettid=186/178 getppid=110/173 getuid=102/174 geteuid=107/175 getgid=104/176
        getegid=108/177 getgroups=115/158 getresuid=118/148 getresgid=120/150 getpgid=121/155 getpgrp=111/-
        getsid=124/156 setpgid=109/154 setsid=112/157 capget=125/90 sched_yield=24/124
        sched_getaffinity=204/123 sched_setparam=142/118 sched_setscheduler=144/119 sched_getparam=143/121 sched_getscheduler=145/120
        sched_get_priority_max=146/125 sched_get_priority_min=147/126 sched_rr_get_interval=148/127
        getpriority=140/141 setpriority=141/140 arch_prctl=158/- set_tid_address=218/96 set_robust_list=273/99
        get_robust_list=274/100 rseq=334/293 futex=202/98 futex_waitv=449/449 getrusage=98/165
        getrlimit=97/163 setrlimit=160/164 prlimit64=302/261 uname=63/160 sysinfo=99/179 getcpu=309/168
        getrandom=318/278
    """,
    "time and signals": """
        nanosleep=35/101 clock_nanosleep=230/115 clock_gettime=228/113 clock_getres=229/114
        gettimeofday=96/169 time=201/- times=100/153 getitimer=36/102 setitimer=38/103 alarm=37/- pause=34/-
        timer_create=222/107 timer_settime=223/110 timer_gettime=224/108 timer_getoverrun=225/109
        timer_delete=226/111 rt_sigaction=13/134 rt_sigprocmask=14/135 rt_sigreturn=15/139
        rt_sigpending=127/136 rt_sigtimedwait=128/137 rt_sigqueueinfo=129/138 rt_tgsigqueueinfo=297/240
        rt_sigsuspend=130/133 sigaltstack=131/132 restart_syscall=219/128
    """,
    "sockets": """
        bind=49/200 connect=42/203 listen=50/201 accept=43/202 accept4=288/242 getsockname=51/204
        getpeername=52/205 getsockopt=55/209 setsockopt=54/208 sendto=44/206 recvfrom=45/207 sendmsg=46/211
        recvmsg=47/212 sendmmsg=307/269 recvmmsg=299/243 shutdown=48/210
    """,
}
LOOKED_AT = "clone=56/220 prctl=157/167 socket=41/198 socketpair=53/199"
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, and the kernel's name for it

NEW_NAMESPACES = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
AF_UNIX, AF_INET, AF_INET6, TCP, UDP = 1, 2, 10, 6, 17
# PR_GET_PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, CAPBSET_READ, SET_ and GET_TIMERSLACK, SET_ and GET_CHILD_SUBREAPER,
# SET_ and GET_NO_NEW_PRIVS, SET_ and GET_THP_DISABLE, SET_VMA.
PRCTL = (2, 3, 15, 16, 23, 29, 30, 36, 37, 38, 39, 41, 42, 0x53564D41)

LOAD, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, (16, 24, 32)  # where `struct seccomp_data` has them; lower halves of arguments
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
PR_SET_SECCOMP, MODE_FILTER = 22, 2


def numbers(machine: str) -> dict[str, int]:
    """The calls that are allowed or looked at, by name."""
    column, _ = MACHINES[machine]
    entries = (entry.split("=") for text in (*ALLOWED.values(), LOOKED_AT) for entry in text.split())
    found = {name: both.split("/")[column] for name, both in entries}
    return {name: int(number) for name, number in found.items() if number != "-"}


@cache
def program(machine: str) -> bytes:
    """The filter. Each rule for one call ends with a verdict; what reaches the end does not exist."""
    number = numbers(machine)
    lines: list[tuple[int, int, int, int]] = []

    def say(code: int, value: int, then: int = 0, otherwise: int = 0) -> None:
        lines.append((code, then, otherwise, value))

    def rule(name: str, *body: tuple[int, ...]) -> None:
        say(EQUAL, number[name], 0, len(body))
        for line in body:
            say(*line)

    say(LOAD, ARCHITECTURE)
    say(EQUAL, MACHINES[machine][1], 1, 0)
    say(RETURN, KILL)  # a call by another convention, 32-bit for example
    say(LOAD, NUMBER)
    allow, refuse = (RETURN, ALLOW), (RETURN, REFUSE | errno.EPERM)
    no_family = (RETURN, REFUSE | errno.EAFNOSUPPORT)
    first, _, third = ((LOAD, at) for at in ARGUMENT)
    rule("clone", first, (ANY_OF, NEW_NAMESPACES, 0, 1), refuse, allow)
    rule("socketpair", first, (EQUAL, AF_UNIX, 0, 1), allow, no_family)
    rule(
        "socket", first, (EQUAL, AF_UNIX, 6, 0), (EQUAL, AF_INET, 1, 0), (EQUAL, AF_INET6, 0, 5),
        third, (EQUAL, 0, 2, 0), (EQUAL, TCP, 1, 0), (EQUAL, UDP, 0, 1), allow, no_family,
    )  # fmt: skip
    rule("prctl", first, *((EQUAL, value, len(PRCTL) - n, 0) for n, value in enumerate(PRCTL)), refuse, allow)
    plain = sorted(set(number.values()) - {number[name] for name in ("clone", "prctl", "socket", "socketpair")})
    for start, end in _ranges(plain):
        say(AT_LEAST, start, 0, 2)
        say(AT_LEAST, end + 1, 1, 0)
        say(RETURN, ALLOW)
    say(RETURN, REFUSE | errno.ENOSYS)
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _ranges(ordered: list[int]) -> list[tuple[int, int]]:
    starts = [n for n in ordered if n - 1 not in ordered]
    ends = [n for n in ordered if n + 1 not in ordered]
    return list(zip(starts, ends, strict=True))


def apply() -> None:
    """From now on, and for all that this process starts. It needs `no_new_privs`. Raises OSError where there is no filter."""
    machine = os.uname().machine
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no list of calls for {machine}")
    text = ctypes.create_string_buffer(program(machine), len(program(machine)))
    header = struct.pack("HxxxxxxP", len(text) // 8, ctypes.addressof(text))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
