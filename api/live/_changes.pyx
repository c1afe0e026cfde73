# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The frame of a change from its raw record, without a Python object a field: what `changes.py` does, ten times faster.

It knows the ordinary only. Whatever is odd (another schema, another key, bytes that are no record, a number that JSON
may spell in two ways) it leaves to the Python code, which also says what is wrong. Where it gives a frame, it is the
same to the byte: tests/unit/test_changes.py holds them against each other.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8
from libc.math cimport fabs, isfinite, llrint
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, strlen

cdef extern from "Python.h":
    char *PyOS_double_to_string(double, char, int, int, int *) except NULL
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL
    int Py_DTSF_ADD_DOT_0

cdef enum:
    ROOM = 64 * 1024  # bytes of the largest frame that is made here
    MAX_PLACE = 200  # bytes of an incarnation
    WEBSOCKET_HEAD = 4  # bytes before a body
    TOKEN_AT = 27  # in a body
    A_NUMBER = 32  # bytes of the longest number, time or double, with its quotes

cdef int64_t YEAR_10000 = 253402300800000  # ms

TEXT, WORD, NUMBER, ID, TIME, REAL = range(6)
cdef enum Kind:
    AS_TEXT, AS_WORD, AS_NUMBER, AS_ID, AS_TIME, AS_REAL

cdef struct Field:
    Kind kind
    int null  # which branch of the union is null; -1 where there is no union
    const char *name  # with its comma, quotes and colon
    Py_ssize_t name_size

cdef struct Reader:
    const uint8_t *at
    const uint8_t *end


cdef class Maker:
    """`header` is what a value begins with; `fields` are (name, kind, branch of null or -1) in their order, `words`
    the symbols of the one enum."""

    cdef Field *_fields
    cdef int _count, _id_user, _id_order, _recorded_at
    cdef bytes _header
    cdef list _names, _words
    cdef Py_ssize_t _fixed
    cdef char *_out

    def __cinit__(self, bytes header, list fields, list words):
        self._count, self._header = len(fields), header
        self._names = [b'%s"%s":' % (b"," if n else b"", name.encode()) for n, (name, _, _) in enumerate(fields)]
        self._words = [b'"%s"' % word.encode() for word in words]
        names = [name for name, _, _ in fields]
        self._id_user, self._id_order = names.index("id_user"), names.index("id_order")
        self._recorded_at = names.index("recorded_at")
        self._fields = <Field *>PyMem_Malloc(self._count * sizeof(Field))
        self._out = <char *>PyMem_Malloc(ROOM)
        if self._fields == NULL or self._out == NULL:
            raise MemoryError
        for n, (_, kind, null) in enumerate(fields):
            self._fields[n].kind, self._fields[n].null = kind, null
            self._fields[n].name = PyBytes_AS_STRING(self._names[n])
            self._fields[n].name_size = PyBytes_GET_SIZE(self._names[n])
        longest = max(A_NUMBER, max(map(len, self._words)))
        self._fixed = sum(map(len, self._names)) + self._count * longest + 100  # 100: what is around them

    def __dealloc__(self):
        PyMem_Free(self._fields)
        PyMem_Free(self._out)

    def make(self, bytes value, bytes key, str incarnation, int64_t partition, int64_t offset, bint live):
        """Of the record's frame: the order's id, the cursor, recorded_at if it is live, and the bytes of the WebSocket's.
        None when it is for the Python code."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(value), header = PyBytes_GET_SIZE(self._header), place_size
        cdef const char *place = PyUnicode_AsUTF8AndSize(incarnation, &place_size)
        if size < header or memcmp(PyBytes_AS_STRING(value), PyBytes_AS_STRING(self._header), header):
            return None
        if self._fixed + 6 * size + 2 * (place_size + 2 * A_NUMBER) > ROOM or place_size > MAX_PLACE:
            return None
        cdef Reader reader
        reader.at = <const uint8_t *>PyBytes_AS_STRING(value) + header
        reader.end = <const uint8_t *>PyBytes_AS_STRING(value) + size
        cdef char *body = self._out + WEBSOCKET_HEAD
        cdef char *out = put(body, b'{"type":"change","cursor":"', TOKEN_AT)
        cdef char *token = out
        out = put_cursor(out, place, place_size, partition, offset)
        cdef Py_ssize_t token_size = out - token
        out = put(out, b'","order":{', 11)
        cdef int64_t number, id_user = 0
        cdef object id_order = None, recorded_at = None
        cdef int n
        for n in range(self._count):
            number = 0
            out = put(out, self._fields[n].name, self._fields[n].name_size)
            out = self._put_field(out, &self._fields[n], &reader, &number)
            if out == NULL:
                return None
            if n == self._id_user:
                id_user = number
            elif n == self._id_order:
                id_order = number
            elif n == self._recorded_at and live:
                recorded_at = number
        if reader.at != reader.end or not is_decimal(key, id_user):
            return None
        out = put(out, b"}}", 2)
        size = out - body
        if size > 0xFFFF:
            return None
        # A text in one frame, not masked, its size in two bytes: RFC 6455, section 5.2. None is below 126 bytes.
        body -= WEBSOCKET_HEAD
        body[0], body[1], body[2], body[3] = <char>0x81, 126, <char>(size >> 8), <char>(size & 0xFF)
        websocket = PyBytes_FromStringAndSize(body, out - body)
        return id_order, PyUnicode_DecodeASCII(token, token_size, NULL), recorded_at, websocket

    cdef char *_put_field(self, char *out, Field *field, Reader *reader, int64_t *number) except? NULL:
        """Where the output goes on, or NULL, without an exception, for what is left to the Python code."""
        if field.null >= 0:
            if not get(reader, number) or number[0] not in (0, 1):
                return NULL
            if number[0] == field.null:
                return put(out, b"null", 4)
        if field.kind == AS_TEXT:
            return put_text(out, reader)
        if field.kind == AS_REAL:
            return put_real(out, reader)
        if not get(reader, number):
            return NULL
        if field.kind == AS_NUMBER:
            return put_decimal(out, number[0])
        if field.kind == AS_TIME:
            return put_time(out, number[0])
        if field.kind == AS_ID:
            out[0] = c'"'
            out = put_decimal(out + 1, number[0])
            out[0] = c'"'
            return out + 1
        if not 0 <= number[0] < len(self._words):
            return NULL
        word = <bytes>self._words[number[0]]
        return put(out, PyBytes_AS_STRING(word), PyBytes_GET_SIZE(word))


cdef inline bint get(Reader *reader, int64_t *number) noexcept:
    """An Avro int or long: zigzag, seven bits a byte, the lowest first."""
    cdef uint64_t bits = 0, byte
    cdef int shift = 0
    while reader.at < reader.end and shift < 64:
        byte = reader.at[0]
        reader.at += 1
        if shift == 63 and byte > 1:
            return False
        bits |= (byte & 0x7F) << shift
        if byte < 0x80:
            number[0] = <int64_t>(bits >> 1) ^ -<int64_t>(bits & 1)
            return True
        shift += 7
    return False


cdef inline char *put(char *out, const char *what, Py_ssize_t size) noexcept:
    memcpy(out, what, size)
    return out + size


cdef inline char *put_decimal(char *out, int64_t number) noexcept:
    cdef char[A_NUMBER] digits
    cdef int at = A_NUMBER
    cdef uint64_t left = -<uint64_t>number if number < 0 else <uint64_t>number
    if number < 0:
        out[0] = c"-"
        out += 1
    while True:
        at -= 1
        digits[at] = c"0" + left % 10
        left //= 10
        if left == 0:
            return put(out, digits + at, A_NUMBER - at)


cdef inline bint is_decimal(bytes key, int64_t number) noexcept:
    cdef char[A_NUMBER] digits
    cdef Py_ssize_t size = put_decimal(digits, number) - digits
    return size == PyBytes_GET_SIZE(key) and memcmp(digits, PyBytes_AS_STRING(key), size) == 0


cdef inline char *put_padded(char *out, int64_t number, int digits) noexcept:
    cdef int at
    for at in range(digits - 1, -1, -1):
        out[at] = c"0" + number % 10
        number //= 10
    return out + digits


cdef char *put_time(char *out, int64_t ms) noexcept:
    """RFC 3339 in UTC, with its quotes. From days to a date: https://howardhinnant.github.io/date_algorithms.html"""
    if not 0 <= ms < YEAR_10000:
        return NULL
    cdef int64_t seconds = ms // 1000
    cdef int64_t days = seconds // 86400 + 719468  # since 0000-03-01
    cdef int64_t era = days // 146097
    cdef int64_t of_era = days - era * 146097
    cdef int64_t year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef int64_t of_year = of_era - (365 * year + year // 4 - year // 100)
    cdef int64_t month = (5 * of_year + 2) // 153  # 0 is March
    cdef int64_t day = of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    year += era * 400 + (month <= 2)
    seconds %= 86400
    out = put(out, b'"', 1)
    out = put(put_padded(out, year, 4), b"-", 1)
    out = put(put_padded(out, month, 2), b"-", 1)
    out = put(put_padded(out, day, 2), b"T", 1)
    out = put(put_padded(out, seconds // 3600, 2), b":", 1)
    out = put(put_padded(out, seconds // 60 % 60, 2), b":", 1)
    out = put(put_padded(out, seconds % 60, 2), b".", 1)
    return put(put_padded(out, ms % 1000, 3), b'Z"', 2)


cdef char *put_decimals(char *out, double number) noexcept:
    """A number of at most six decimals, which a coordinate usually is; NULL for others.

    As a double has it, no other number of at most 15 digits has it: so what is read as the same is the shortest."""
    cdef double size = fabs(number)
    if not 1e-4 <= size < 1e8:  # from where on there is an exponent, and 0, which has a sign
        return NULL
    cdef int64_t millionths = llrint(size * 1e6)
    if millionths / 1e6 != size:
        return NULL
    if number < 0:
        out[0] = c"-"
        out += 1
    out = put(put_decimal(out, millionths // 1_000_000), b".", 1)
    out = put_padded(out, millionths % 1_000_000, 6)
    while (out - 1)[0] == c"0" and (out - 2)[0] != c".":
        out -= 1
    return out


cdef char *put_real(char *out, Reader *reader) except? NULL:
    """A double in the shortest form that is read as the same. With an exponent there are two such: not here."""
    cdef double number
    cdef char *digits
    if reader.end - reader.at < 8:
        return NULL
    memcpy(&number, reader.at, 8)  # little-endian, as the machines are that this is built for
    reader.at += 8
    if not isfinite(number):
        return put(out, b"null", 4)
    cdef char *end = put_decimals(out, number)
    if end != NULL:
        return end
    digits = PyOS_double_to_string(number, c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
    cdef Py_ssize_t size = strlen(digits)
    if size > A_NUMBER or memchr(digits, c"e", size) != NULL:
        PyMem_Free(digits)
        return NULL
    out = put(out, digits, size)
    PyMem_Free(digits)
    return out


cdef char *put_text(char *out, Reader *reader) except? NULL:
    """A JSON string: at most six bytes for one."""
    cdef int64_t size
    if not get(reader, &size) or size < 0 or size > reader.end - reader.at:
        return NULL
    cdef const uint8_t *at = reader.at
    cdef const uint8_t *end = at + size
    cdef bint ascii = True
    reader.at = end
    out[0] = c'"'
    out += 1
    while at < end:
        if at[0] >= 0x80:
            ascii = False
        if at[0] >= 0x20 and at[0] != c'"' and at[0] != c"\\":
            out[0] = at[0]
            out += 1
        else:
            out = put_escaped(out, at[0])
        at += 1
    out[0] = c'"'
    if not ascii:
        try:
            PyUnicode_DecodeUTF8(<const char *>end - size, size, "strict")
        except UnicodeDecodeError:
            return NULL
    return out + 1


cdef char *put_escaped(char *out, uint8_t byte) noexcept:
    cdef const char *short_ones = b'"\\\b\f\n\r\t'
    cdef const char *letters = b'"\\bfnrt'
    cdef const char *hexadecimal = b"0123456789abcdef"
    cdef const char *found = <const char *>memchr(short_ones, byte, 7)
    out[0] = c"\\"
    if found != NULL:
        out[1] = letters[found - short_ones]
        return out + 2
    out = put(out + 1, b"u00", 3)
    out[0], out[1] = hexadecimal[byte >> 4], hexadecimal[byte & 15]
    return out + 2


cdef char *put_cursor(char *out, const char *place, Py_ssize_t size, int64_t partition, int64_t offset) noexcept:
    """As cursor.py has it: incarnation, partition and offset in URL-safe base64, without padding."""
    cdef char[MAX_PLACE + 3 * A_NUMBER] inside
    cdef char *end = put(inside, place, size)
    end = put_decimal(put(end, b".", 1), partition)
    end = put_decimal(put(end, b".", 1), offset)
    cdef Py_ssize_t at, whole = end - inside
    cdef uint64_t bits
    cdef const char *letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at in range(0, whole, 3):
        bits = <uint64_t><uint8_t>inside[at] << 16
        if at + 1 < whole:
            bits |= <uint64_t><uint8_t>inside[at + 1] << 8
        if at + 2 < whole:
            bits |= <uint8_t>inside[at + 2]
        out[0], out[1] = letters[bits >> 18], letters[bits >> 12 & 63]
        out[2], out[3] = letters[bits >> 6 & 63], letters[bits & 63]
        out += min(4, whole - at + 1)
    return out
