# C types of the compiled module; see setup.py.
cimport cython

from edge.candidates cimport Candidate

cdef int _REFRACTORY, _LEARN, _LEARN_EARLY, _LONG, _KEPT, _PAST, _HOLD, _AFTER_BEAT, _BEFORE_BEAT
cdef int _ROW, _ROW_MISSED, _GIVEN_UP, _ONE, _P_FIRST, _P_LAST
cdef long long _NEVER
cdef double _REFRACTORY_PART, _ALIKE, _ALIKE_SHAPE, _OUTDO, _T_WAVE, _T_BLUNT, _SHARPER, _OUTGROWN, _RR_LEAST, _RR_MOST, _SURE, _DOUBTFUL, _OVERDUE, _BETWEEN
cdef double _NOISE_WEIGHT, _CLEAR, _UNCLEAR, _EARLY_WEIGHT, _EARLY, _T_WEIGHT, _T_END
cdef double _BLUNT_WEIGHT, _BLUNT, _BLUNT_END, _SHORT, _SAME_SHAPE, _SAME_SIZE, _SAME_SHARP
cdef double _BETWEEN_RATE, _BETWEEN_FALL, _BETWEEN_RISE, _VARIES_RATE, _VARIES, _ABOVE, _FAR_ABOVE
cdef double _LATE_WEIGHT, _LATE, _STEP_WEIGHT, _STEP, _ONE_SIDED, _STEEP, _SHARPEST, _SPIKE_WEIGHT, _SPIKE
cdef double _BACK, _LEVEL_RATE, _LEVEL_STEP, _NOISE_RATE, _NOISE_STEP
cdef double _RR_RATE, _STEADY, _STEADY_RATE, _FADE, _FLOOR, _LOWER_RATE, _HIGHER_RATE, _DEPTH, _WEAK, _ANEW, _ABSURD
cdef double _FIRST_LEVEL, _FIRST_NOISE
cdef double _SHAPE_WEIGHT, _UNLIKE, _ALIKER, _QUIET, _QUIETER, _SHAPE_RATE, _LIKE_RATE
cdef double _FIRST_LIKE, _SHARP_RATE, _TYPICAL
cdef double _ROW_SHAPE, _ROW_SIZE, _ROW_SHARP, _ROW_PACE, _ROW_SMALLER, _ROW_DEPTH, _ROW_LONGEST, _ROW_OWN, _ROW_OWN_SHARP, _ROW_GAIN, _P_RATE, _P_STEP, _ROW_P, _P_PACE


@cython.final
cdef class _Found:
    cdef public long long r, now
    cdef public double confidence
    cdef public bint back


@cython.final
cdef class _Decision:
    cdef bint _learned
    cdef double _least, _level, _low, _noise, _between, _varies, _p_wave, _rr, _gap, _like, _sharp
    cdef int _steady
    cdef long long _last, _due
    cdef list _passed, _recent, _found, _beats
    cdef Candidate _held, _huge
    cdef double[::1] _shapes, _shape
    cdef int _size

    @cython.locals(ahead=double)
    cpdef add(self, Candidate c)

    cpdef advance(self, long long now)

    cpdef close(self, long long now)

    @cython.locals(before=Candidate)
    cdef bint _outgrown(self, Candidate c)

    cdef _forget(self)

    @cython.locals(largest=Candidate, second=Candidate)
    cdef bint _learned_early(self, long long now)

    @cython.locals(
        clear=double, height=double, score=double, likeness=double, blunt=double, gap=double,
        part=double, early=double, above=double, late_t=double, same=double, noisy=double, unlike=double,
    )
    cdef double _score(self, Candidate c, bint late)

    @cython.locals(product=double, power=double, first=Py_ssize_t, i=Py_ssize_t)
    cdef double _likeness(self, Candidate c) noexcept

    @cython.locals(product=double, i=Py_ssize_t)
    cdef double _alike(self, Candidate a, Candidate b) noexcept

    @cython.locals(p=Candidate)
    cdef _accept(self, Candidate c, long long now)

    @cython.locals(best=Candidate, c=Candidate, score=double)
    cdef bint _recall(self, list passed, double least, long long now)

    @cython.locals(
        clear=double, likeness=double, odds=double, rate=double, confidence=double, gap=double, height=double,
        p=Candidate,
    )
    cdef _beat(self, Candidate c, long long now, bint back)

    cdef _raise(self, double size)

    @cython.locals(largest=double, p_wave=double, step=double, c=Candidate)
    cdef _learn_between(self, long long r)

    @cython.locals(rate=double)
    cdef _pace(self, double gap)

    @cython.locals(first=Py_ssize_t, i=Py_ssize_t)
    cdef _learn_shape(self, Candidate c, double likeness)

    @cython.locals(t_wave=bint)
    cdef _pass(self, Candidate c)

    cdef bint _steps(self, Candidate c) noexcept

    cdef _heed(self, double size)

    @cython.locals(p=Candidate, pace=double, large=bint, i=Py_ssize_t)
    cdef bint _row(self, Candidate c)

    cdef _keep(self, Candidate c)

    cdef _release(self, Candidate held)

    @cython.locals(c=Candidate, lowest=double)
    cdef _search_back(self, long long now)

    @cython.locals(largest=Candidate, c=Candidate, first=Py_ssize_t, i=Py_ssize_t)
    cdef _learn(self, long long now)
