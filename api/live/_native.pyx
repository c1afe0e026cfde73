# cython: language_level=3
"""What Python has no words for, or only expensive ones."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(PyObject *)

cdef extern from "sys/socket.h":
    Py_ssize_t c_send "send"(int, const void *, size_t, int) noexcept
    int MSG_DONTWAIT, MSG_NOSIGNAL


def send(int fd, bytes data not None):
    """Writes to a socket; gives how many bytes the kernel takes at once, none where it is full or broken.

    `os.write` is for files of all kinds, and lets other threads go first."""
    return max(0, c_send(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_DONTWAIT | MSG_NOSIGNAL))


def untrack(object one):
    """The collector of cyclic garbage does not go through this object any more, which is in no cycle."""
    PyObject_GC_UnTrack(<PyObject *>one)
