# C types of the compiled module; see setup.py.
cimport cython

from edge.candidates cimport Candidate

cdef int _REFRACTORY, _LEARN, _LEARN_EARLY, _LONG, _KEPT, _PAST, _HOLD, _AFTER_BEAT, _BEFORE_BEAT
cdef long long _NEVER
cdef double _ALIKE, _RR_LEAST, _RR_MOST, _SURE, _DOUBTFUL, _OVERDUE, _BETWEEN
cdef double _NOISE_WEIGHT, _CLEAR, _UNCLEAR, _EARLY_WEIGHT, _EARLY, _T_WEIGHT, _T_END
cdef double _LATE_WEIGHT, _LATE, _BACK, _LEVEL_RATE, _LEVEL_STEP, _NOISE_RATE, _NOISE_STEP
cdef double _RR_RATE, _FADE, _FLOOR, _FIRST_LEVEL, _FIRST_NOISE
cdef double _SHAPE_WEIGHT, _UNLIKE, _ALIKER, _QUIET, _QUIETER, _SHAPE_RATE, _LIKE_RATE
cdef double _FIRST_LIKE, _TYPICAL


@cython.final
cdef class _Found:
    cdef public long long r, now
    cdef public double confidence
    cdef public bint back


@cython.final
cdef class _Decision:
    cdef bint _learned
    cdef double _level, _noise, _rr, _like
    cdef long long _last, _due
    cdef list _passed, _found
    cdef Candidate _held
    cdef double[::1] _shapes, _shape
    cdef int _size

    @cython.locals(score=double)
    cpdef add(self, Candidate c)

    cpdef advance(self, long long now)

    cpdef close(self, long long now)

    cdef bint _learned_early(self, long long now)

    @cython.locals(
        clear=double, score=double, gap=double, part=double,
        noisy=double, unlike=double,
    )
    cdef double _score(self, Candidate c)

    @cython.locals(product=double, power=double, first=Py_ssize_t, i=Py_ssize_t)
    cdef double _likeness(self, Candidate c) noexcept

    @cython.locals(p=Candidate)
    cdef _accept(self, Candidate c, long long now)

    @cython.locals(best=Candidate, c=Candidate, score=double)
    cdef bint _recall(self, list passed, double least, long long now)

    @cython.locals(
        clear=double, likeness=double, odds=double, confidence=double, gap=double, height=double,
        p=Candidate,
    )
    cdef _beat(self, Candidate c, long long now, bint back)

    @cython.locals(first=Py_ssize_t, i=Py_ssize_t)
    cdef _learn_shape(self, Candidate c, double likeness)

    cdef _pass(self, Candidate c)

    cdef _keep(self, Candidate c)

    cdef _release(self, Candidate held)

    @cython.locals(c=Candidate, lowest=double)
    cdef _look_back(self, long long now)

    @cython.locals(largest=Candidate, c=Candidate, first=Py_ssize_t, i=Py_ssize_t)
    cdef _learn(self, long long now)
