# C types of the compiled module; see setup.py.
cimport cython

from edge.fusion cimport Fusion

cdef int _SMOOTH, _LAG, _SPAN, _BEFORE, _AFTER, _SEEK, _CLIMB, _RISE, _LEFT, _RIGHT, _Y, _C, _F
cdef int _HISTORY, _LENGTH, _SECOND, _FLOOR_RANK
cdef double _NOTCH, _UNIT


@cython.final
cdef class Candidate:
    cdef public long long r, seen
    cdef public double size, floor
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
    cdef double _floor

    @cython.locals(start=cython.int, piece=cython.int)
    cdef _work(self, double[:, ::1] x, int n, object take)

    @cython.locals(kept=cython.int, lead=cython.int)
    cdef _keep(self)

    @cython.locals(i=cython.int)
    cdef void _keep_row(self, double[::1] rows, int row, int kept) noexcept

    @cython.locals(
        lead=cython.int, first=cython.int, i=cython.int, pairs=cython.double, middle=cython.double
    )
    cdef void _bend_of(self, double[:, ::1] x, int start, int n) noexcept

    @cython.locals(first=cython.int, last=cython.int, lead=cython.int, row=cython.int, i=cython.int)
    cdef void _feature_of(self, int n) noexcept

    @cython.locals(
        total=cython.double, shares=cython.double, value=cython.double, lead=cython.int, i=cython.int
    )
    cdef double _fused(self, double[::1] rows, int step, int at, int weighed) noexcept

    @cython.locals(lead=cython.int, first=cython.int, i=cython.int)
    cdef _learn(self, int n)

    @cython.locals(last=cython.int, top=cython.int)
    cdef _search(self, int n, object take)

    @cython.locals(value=cython.double, i=cython.int)
    cdef bint _is_top(self, int top) noexcept

    @cython.locals(
        middle=cython.int, at=cython.int, i=cython.int, place=cython.int, r=cython.longlong,
        highest=cython.double, steepest=cython.double, value=cython.double, slope=cython.double,
        power=cython.double,
    )
    cdef _take(self, int top, long long seen, object take)

    cdef double _slope(self, int last, int weighed) noexcept

    @cython.locals(
        highest=cython.double, total=cython.double, shares=cython.double, bend=cython.double,
        height=cython.double, wave=cython.double, top=cython.int, i=cython.int, lead=cython.int,
        row=cython.int,
    )
    cdef int _climbed(self, int at) noexcept

    @cython.locals(
        total=cython.double, value=cython.double, first=cython.int, lead=cython.int,
        row=cython.int, i=cython.int, j=cython.int, width=cython.int,
    )
    cdef void _shape(self, int at, int last) noexcept
