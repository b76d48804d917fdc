# C types of the compiled module; see setup.py.
cimport cython

from edge.fusion cimport Fusion

cdef int _SMOOTH, _LAG, _SPAN, _BEFORE, _AFTER, _SEEK, _CLIMB, _RISE, _LEFT, _RIGHT, _Y, _C, _F
cdef int _SEEN, _PULSE, _LIMBS, _CLEAN
cdef int _HISTORY, _LENGTH
cdef double _NOTCH, _UNIT, _LEVEL, _SHOULDER, _EDGE


@cython.final
cdef class Candidate:
    cdef public long long r, seen
    cdef public double size, sharp, balance
    cdef public int slot


@cython.final
cdef class Finder:
    cdef int _leads, _end, _slot
    cdef Fusion _fusion
    cdef object _start
    cdef bint _begun
    cdef long long _now
    cdef double[::1] _x, _hum, _y, _bend, _weight, _share
    cdef double[::1] _energy, _two, _four, _eight, _sixteen, _feature
    cdef public double[::1] shapes

    @cython.locals(start=Py_ssize_t, piece=Py_ssize_t)
    cdef _work(self, double[:, ::1] x, int n, object take)

    @cython.locals(kept=Py_ssize_t, lead=Py_ssize_t)
    cdef _keep(self)

    @cython.locals(i=Py_ssize_t)
    cdef void _keep_row(self, double[::1] rows, int row, int kept) noexcept

    @cython.locals(
        lead=Py_ssize_t, first=Py_ssize_t, i=Py_ssize_t, j=Py_ssize_t, pairs=double,
        middle=double,
    )
    cdef void _bend_of(self, double[:, ::1] x, int start, int n) noexcept

    @cython.locals(
        end=double, begin=double, step=double, height=double, beside=double,
        shoulder=double,
        width=Py_ssize_t, first=Py_ssize_t, i=Py_ssize_t,
    )
    cdef void _take_out(self, Py_ssize_t last) noexcept

    @cython.locals(first=Py_ssize_t, last=Py_ssize_t, lead=Py_ssize_t, row=Py_ssize_t, i=Py_ssize_t)
    cdef void _feature_of(self, int n) noexcept

    @cython.locals(
        total=double, shares=double, value=double, lead=Py_ssize_t, i=Py_ssize_t
    )
    cdef double _fused(self, double[::1] rows, int step, int at, int weighed) noexcept

    @cython.locals(lead=Py_ssize_t, first=Py_ssize_t, i=Py_ssize_t)
    cdef _learn(self, int n)

    @cython.locals(last=Py_ssize_t, top=Py_ssize_t)
    cdef _search(self, int n, object take)

    @cython.locals(value=double, i=Py_ssize_t)
    cdef bint _is_top(self, int top) noexcept

    @cython.locals(
        middle=Py_ssize_t, at=Py_ssize_t, i=Py_ssize_t, place=Py_ssize_t, r=cython.longlong,
        highest=double, steepest=double, value=double, slope=double,
        power=double, sharp=double, balance=double,
    )
    cdef _take(self, int top, long long seen, object take)

    cdef double _slope(self, int last, int weighed) noexcept

    @cython.locals(steepest=double, slope=double, i=Py_ssize_t, place=Py_ssize_t)
    cdef double _edge(self, int at, int last) noexcept

    @cython.locals(
        gentle=double, steep=double, weight=double, rise=double, fall=double, slope=double,
        lead=Py_ssize_t, row=Py_ssize_t, i=Py_ssize_t, j=Py_ssize_t,
    )
    cdef double _balance(self, int at, int last) noexcept

    @cython.locals(
        highest=double, total=double, shares=double, bend=double,
        height=double, wave=double, top=Py_ssize_t, i=Py_ssize_t, lead=Py_ssize_t,
        row=Py_ssize_t,
    )
    cdef int _climbed(self, int at) noexcept

    @cython.locals(
        total=double, value=double, first=Py_ssize_t, lead=Py_ssize_t,
        row=Py_ssize_t, i=Py_ssize_t, j=Py_ssize_t, width=Py_ssize_t,
    )
    cdef void _shape(self, int at, int last) noexcept
