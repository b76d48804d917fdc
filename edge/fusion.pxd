# C types of the compiled module; see setup.py.
cimport cython

cdef int _LATELY, _BLOCKS, _NOW, _WINDOW, _WINDOWS
cdef double _STILL, _BESIDE


@cython.final
cdef class Fusion:
    cdef int _leads
    cdef double _least
    cdef public int room
    cdef long long _blocks
    cdef double[::1] _sum, _peak, _means, _peaks, _inverse
    cdef public double[::1] weight, share

    cpdef add(self, int lead, double energy)
    cpdef count(self, int n)

    @cython.locals(
        total=double, known=double, scale=double, most=double, alive=Py_ssize_t,
        lead=Py_ssize_t, some=bint, empty=bint,
    )
    cdef _close(self)

    cdef _push(self, int lead)

    @cython.locals(top=double, gain=double)
    cdef double _weighed(self, int lead, double most)

    @cython.locals(lowest=double, peak=double, mean=double, window=Py_ssize_t)
    cdef double _crest(self, int lead, int windows, int blocks)

    @cython.locals(top=double, back=Py_ssize_t, block=cython.longlong)
    cdef double _top(self, int lead, int first, int last)

    @cython.locals(
        total=double, mean=double, known=Py_ssize_t, back=Py_ssize_t,
        block=cython.longlong,
    )
    cdef double _mean(self, int lead, int blocks)
