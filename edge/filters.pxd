# C types of the compiled module; see setup.py.
cimport cython


@cython.locals(
    width=Py_ssize_t, k=Py_ssize_t, base=Py_ssize_t, phase=Py_ssize_t, lead=Py_ssize_t,
    j=Py_ssize_t, before=double, total=double,
)
cdef int _convolve(
    double[:, ::1] x, double[:, ::1] out, Py_ssize_t leads, double[::1] taps,
    long long at, long long p, long long q, long long phases,
) except -1
