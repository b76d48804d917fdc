# C types of the compiled module; see setup.py.
cimport cython


cdef class Resampler:
    cdef public int lookahead
    cdef long long _p, _q, _in, _out, _phases
    cdef int _leads
    cdef object _history
    cdef double[::1] _taps

    @cython.locals(
        width=cython.int, k=cython.int, j=cython.int, lead=cython.int,
        base=cython.longlong, phase=cython.longlong, before=cython.double, total=cython.double,
    )
    cdef _convolve(
        self, double[:, ::1] x, double[:, ::1] out, int n, long long at, long long first
    )
