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
        total=cython.double, known=cython.double, scale=cython.double, share=cython.double,
        gain=cython.double, alive=cython.int, lead=cython.int,
    )
    cdef _close(self)

    @cython.locals(
        recent=cython.double, peak=cython.double, crest=cython.double, gain=cython.double,
        block=cython.int,
    )
    cdef (double, double) _push(self, int lead)

    @cython.locals(
        total=cython.double, mean=cython.double, known=cython.int, back=cython.int,
        block=cython.longlong,
    )
    cdef double _mean(self, int lead, int blocks)
