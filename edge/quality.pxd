# C types of the compiled module; see setup.py.
cimport cython


@cython.locals(
    first=double, before=double, lowest=double, highest=double, mean=double, step=double, last=double,
    moving=Py_ssize_t, pairs=Py_ssize_t, i=Py_ssize_t, half=Py_ssize_t,
    changes=double[::1], noise=double, span=double,
)
cpdef (double, double, double, double) indices(double[:, ::1] x, Py_ssize_t lead)


@cython.locals(middle=Py_ssize_t, pivot=double, i=Py_ssize_t, j=Py_ssize_t)
cdef double _median(double[::1] x, Py_ssize_t first, Py_ssize_t last) noexcept
