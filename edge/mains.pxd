# C types of the compiled module; see setup.py.
cimport cython

cdef double _FORGET, _FORGET_PACE, _JUMP, _FIRST_PACE, _CAP, _SEEN
cdef int _LONG


@cython.final
cdef class Line:
    cdef int _size
    cdef double _half, _re, _im, _block_re, _block_im, _half_re, _half_im, _slack, _sure
    cdef double _turn, _pace, _a_re, _a_im, _known, _c_re, _c_im, _e_re, _e_im, _noise
    cdef public double share, before, now, twice

    cpdef forget(self)

    @cython.locals(c_re=double, c_im=double, power=double, both=double, jump=double, gain=double)
    cdef void learn(self, double re, double im, double noise) noexcept

    @cython.locals(along=double, ahead=double)
    cdef void _follow(self, double c_re, double c_im, double noise) noexcept

    @cython.locals(re=double, im=double, power=double, now_re=double, now_im=double)
    cdef void go_on(self) noexcept

    cdef void lose(self) noexcept


cdef (double, double) _product(
    double re, double im, double other_re, double other_im
) noexcept


@cython.locals(s=double, c=double)
cdef (double, double) _turned(double angle, double re, double im) noexcept


@cython.final
cdef class Mains:
    cdef int _leads, _size, _lag, _lines, _bins, _at, _row
    cdef double[::1] _waves, _sums, _x, _rest
    cdef list _hum

    @cython.locals(start=Py_ssize_t, piece=Py_ssize_t, lead=Py_ssize_t)
    cdef _work(self, double[:, ::1] x, Py_ssize_t n)

    @cython.locals(
        first=Py_ssize_t, i=Py_ssize_t, j=Py_ssize_t, line=Line,
        twice=double, before=double, now=double, share=double,
        kept=double[::1], rest=double[::1],
    )
    cdef _subtract(self, double[:, ::1] x, Py_ssize_t lead, Py_ssize_t start, Py_ssize_t n)

    @cython.locals(
        row=Py_ssize_t, seen=Py_ssize_t, scale=double, noise=double, i=Py_ssize_t, j=Py_ssize_t,
        line=Line, before=double, now=double,
    )
    cdef _measure(self, Py_ssize_t lead)

    @cython.locals(
        bins=Py_ssize_t, b=Py_ssize_t, seen=Py_ssize_t, i=Py_ssize_t, at=Py_ssize_t,
        middle=double, bend=double, lag=Py_ssize_t,
        rest=double[::1], waves=double[::1], sums=double[::1],
    )
    cdef Py_ssize_t _sum_up(self, Py_ssize_t first) noexcept
