cimport cython


cdef class Fusion:
    cdef int _leads
    cdef public int room
    cdef long long _blocks
    cdef double[::1] _sum, _peak, _means, _peaks, _inverse
    cdef public double[::1] weight, share

    cpdef add(self, int lead, double energy)
    cpdef count(self, int n)

    @cython.locals(
        total=double, known=double, scale=double, share=double,
        gain=double, alive=Py_ssize_t, lead=Py_ssize_t,
    )
    cdef _close(self)

    @cython.locals(
        recent=double, peak=double, crest=double, gain=double,
        block=Py_ssize_t,
    )
    cdef (double, double) _push(self, int lead)

    @cython.locals(
        total=double, mean=double, known=Py_ssize_t, back=Py_ssize_t,
        block=cython.longlong,
    )
    cdef double _mean(self, int lead, int blocks)
