# C types of the compiled module; see setup.py.
cimport cython

cdef int _FIRST, _N
cdef double[::1] _BELL


@cython.final
cdef class PWaves:
    cdef double[::1] _mean, _part
    cdef double _own
    cdef int _beats

    @cython.locals(length=double, share=double, square=double)
    cpdef learn(self, window)

    @cython.locals(
        part=double[::1], middle=double, total=double, moment=double, squares=double,
        slope=double, value=double, i=Py_ssize_t, j=Py_ssize_t,
    )
    cdef double _smooth(self, double[::1] window) except? -1

    @cython.locals(mean=double[::1], square=double, i=Py_ssize_t)
    cdef double _average(self, double share, double scale) noexcept
