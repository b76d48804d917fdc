# C types of the compiled module; see setup.py.
cimport cython

cdef int _P, _QRS, _T, _END, _JITTER, _TEMPLATES
cdef double _JOIN, _CLIP, _AGREEMENT, _TINY


@cython.locals(
    step=Py_ssize_t, quiet=Py_ssize_t, pairs=Py_ssize_t, seen=Py_ssize_t, lead=Py_ssize_t,
    i=Py_ssize_t, at=Py_ssize_t, total=double, level=double,
)
cdef int _cut(double[:, ::1] x, double[:, ::1] window, Py_ssize_t before) except -1

cdef double _clip(double x) noexcept

cdef double _log_ratio(double a, double b)

@cython.locals(other=double, count=Py_ssize_t)
cpdef Py_ssize_t agreeing(double log, others) except -1


@cython.final
cdef class Template:
    cdef public double count
    cdef public double[::1] mean
    cdef double[::1] _unit

    @cython.locals(beats=double, i=Py_ssize_t)
    cdef learn(self, double[::1] beat, double weight)

    @cython.locals(total=double, squares=double, mean=double, norm=double, i=Py_ssize_t)
    cdef _learn_unit(self, int first, int last)

    @cython.locals(
        best=double, total=double, squares=double, product=double, value=double, power=double,
        lag=Py_ssize_t, i=Py_ssize_t,
    )
    cdef double similarity(self, double[::1] beat, int first, int last, int jitter, int early=*)


@cython.final
cdef class Templates:
    cdef list _all
    cdef Template _dominant
    cdef double _similarity, _p_similarity

    cdef double[::1] dominant(self, double[::1] beat)

    @cython.locals(
        template=Template, mean=double[::1], height=double, usual_height=double, p_height=double,
        usual_p_height=double, rise=double, usual_rise=double,
    )
    cdef list features(self, double[::1] beat, bint whole)

    cdef double likeness(self, double[::1] beat, int jitter, int early)

    @cython.locals(t=Template, template=Template, joined=Template, best=double)
    cdef learn(self, double[::1] beat, double weight)


@cython.locals(template=Template)
cdef Template _alone(double[::1] beat)


@cython.final
cdef class Shape:
    cdef list _leads, _judged

    @cython.locals(
        lead=Py_ssize_t, counts=double, total=double, product=double, template=Template,
    )
    cpdef double likeness(self, beats, weight) except? -2


@cython.locals(lowest=double, highest=double, i=Py_ssize_t)
cdef double _height(double[::1] x, int first, int last) noexcept

@cython.locals(steepest=double, i=Py_ssize_t)
cdef double _steepest(double[::1] x) noexcept

@cython.locals(i=Py_ssize_t)
cdef int _scale(
    double[::1] x, float height, float[:, :, ::1] ecg, Py_ssize_t lead, Py_ssize_t channel
) except -1

@cython.locals(squares=double, i=Py_ssize_t)
cdef double _difference(double[::1] x, double[::1] y, int first, int last)


@cython.final
cdef class BeatContext:
    cdef object _rr
    cdef list _templates, _heights
    cdef public object height

    @cython.locals(
        lead=Py_ssize_t, height=double, beat=double[::1], templates=Templates,
        scaled=float[:, :, ::1], features=float[:, ::1], single=float, i=Py_ssize_t,
    )
    cpdef input(self, window, rr, rr_next)

    cpdef early(self, window, weight)

    @cython.locals(
        lead=Py_ssize_t, counts=double, product=double, total=double, templates=Templates,
    )
    cdef double _likeness(self, window, list weight, int jitter, int early) except? -2

    @cython.locals(
        lead=Py_ssize_t, height=double, weight=double, beat=double[::1], templates=Templates,
    )
    cpdef learn(self, window, rr, usable)
