# cython: language_level=3
"""What Python has no words for, or only expensive ones."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(PyObject *)

cdef extern from "sys/socket.h":
    Py_ssize_t c_send "send"(int, const void *, size_t, int) noexcept
    int setsockopt(int, int, int, const void *, unsigned int) noexcept
    int MSG_DONTWAIT, MSG_NOSIGNAL, SOL_SOCKET, SO_SNDBUF

cdef extern from "netinet/in.h":
    int IPPROTO_TCP

cdef extern from "netinet/tcp.h":
    int TCP_USER_TIMEOUT


def send(int fd, bytes data not None):
    """Writes to a socket; gives how many bytes the kernel takes at once, none where it is full or broken.

    `os.write` is for files of all kinds, and lets other threads go first."""
    return max(0, c_send(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_DONTWAIT | MSG_NOSIGNAL))


def bound(int fd, int send_buffer, int unanswered_ms):
    """SO_SNDBUF and TCP_USER_TIMEOUT of a socket; what is no TCP has the first only."""
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(int))
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof(int))


def untrack(object one):
    """The collector of cyclic garbage does not go through this object any more, which is in no cycle."""
    PyObject_GC_UnTrack(<PyObject *>one)
