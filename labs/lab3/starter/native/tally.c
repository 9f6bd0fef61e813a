/* Counts the words of a text: runs of characters that are not blank. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *words(PyObject *self, PyObject *text)
{
    Py_ssize_t length, count = 0;
    int in_word = 0;
    const char *at = PyUnicode_AsUTF8AndSize(text, &length);

    (void)self;
    if (at == NULL) {
        return NULL;
    }
    for (const char *end = at + length; at < end; at++) {
        int blank = *at == ' ' || (*at >= '\t' && *at <= '\r');
        if (!blank && !in_word) {
            count++;
        }
        in_word = !blank;
    }
    return PyLong_FromSsize_t(count);
}

static PyMethodDef methods[] = {
    {"words", words, METH_O, "words(text): how many words the text has."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "tally", "Counts words, quickly.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_tally(void)
{
    return PyModule_Create(&module);
}
