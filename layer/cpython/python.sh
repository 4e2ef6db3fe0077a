#!/bin/bash
# Compile CPython and install it into $DESTDIR/opt/rapid.
#   python.sh           called by `build`, which sets:
#     MINOR     3.13
#     HOST      x86_64-linux-gnu or aarch64-linux-gnu
#     SOURCE    the unpacked, patched source tree; it is compiled inside itself, so that every path in it is relative
#     DESTDIR   where the result goes
#     JOBS      how many compilers at once
#     TRAINING  the program that the profile is made by
#     OPTIMISE  none; pgo: train here; or the path of a profile that another build has left (code.profclangd)
#     BUILD_PYTHON  an interpreter of exactly this version that runs here, when HOST is another architecture
# and has the compiler wrappers zclang, zar, zranlib and llvm-profdata on PATH; zclang knows where the libraries are.
set -euo pipefail

# configure looks for "clang" in the compiler's name, and knows no way to make a profile otherwise.
export CC=zclang AR=zar RANLIB=zranlib LLVM_PROFDATA=llvm-profdata
minor=${MINOR#3.}
sha2=sha2
[ "$minor" -ge 12 ] || sha2=sha256,sha512
cd "$SOURCE"

options=(
    --prefix=/opt/rapid --disable-shared --disable-test-modules --without-ensurepip --without-readline
    # Without these two, a failed test of configure turns the string hash into FNV, or compiles OpenSSL's hashes only.
    --with-hash-algorithm=siphash13 --with-builtin-hashlib-hashes="md5,sha1,$sha2,sha3,blake2"
    --with-openssl="$PREFIX"
    # Never built: they need libraries that Lambda does not have, or a terminal.
    py_cv_module__curses=n/a py_cv_module__curses_panel=n/a py_cv_module__dbm=n/a py_cv_module__gdbm=n/a
    py_cv_module__tkinter=n/a py_cv_module__uuid=n/a py_cv_module_readline=n/a py_cv_module__crypt=n/a
    py_cv_module_nis=n/a py_cv_module_ossaudiodev=n/a py_cv_module_spwd=n/a py_cv_module_xxlimited=n/a
    py_cv_module_xxlimited_35=n/a
    # By name: zclang adds the paths, which would stay in sysconfig's variables otherwise.
    ZLIB_CFLAGS=" " ZLIB_LIBS=-lz BZIP2_CFLAGS=" " BZIP2_LIBS=-lbz2 LIBLZMA_CFLAGS=" " LIBLZMA_LIBS=-llzma
    LIBFFI_CFLAGS=" " LIBFFI_LIBS=-lffi LIBSQLITE3_CFLAGS=" " LIBSQLITE3_LIBS="-lsqlite3 -lm"
    LIBZSTD_CFLAGS=" " LIBZSTD_LIBS=-lzstd
)
[ "$minor" -lt 13 ] || options+=(--without-mimalloc)  # only free-threaded builds use it
[ "$minor" -lt 15 ] || options+=(--without-frame-pointers)  # as zclang, whose option its own would undo
if [ "$HOST" != x86_64-linux-gnu ]; then
    # What configure cannot find out without running it, and guesses wrong.
    options+=(
        --build=x86_64-linux-gnu --host="$HOST" --with-build-python="$BUILD_PYTHON" --enable-ipv6 --with-computed-gotos
        ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_aligned_required=no ac_cv_computed_gotos=yes
        ac_cv_broken_sem_getvalue=no ac_cv_working_tzset=yes ac_cv_pthread_system_supported=yes
        ac_cv_ffi_complex_double_supported=yes
    )
fi

# No position-independent executable (-no-pie below): 20 000 pointers need no relocation at each start, and no page that
# holds one is copied.
cflags="-O3 -g0 -ffunction-sections -fdata-sections"
if [ "$OPTIMISE" = pgo ]; then
    # What functions do: train.py's programs, then tests of JSON, text, dictionaries, classes, generators, hashes, dates. Not
    # test_math and test_class, which fail with this compiler; nothing that starts processes or waits.
    tests=(
        test_json test_re test_list test_dict test_set test_str test_bytes test_collections test_functools test_itertools
        test_dataclasses test_asyncio.test_events test_decimal test_struct test_pickle test_datetime test_long test_float
        test_generators test_coroutines test_descr test_operator test_base64 test_hashlib test_sqlite3.test_dbapi
        test_xml_etree test_email test_urlparse
    )
    options+=(--enable-optimizations "PROFILE_TASK=train.py ${tests[*]}")
    cp "$TRAINING" train.py
elif [ "$OPTIMISE" != none ]; then
    cp "$OPTIMISE" code.profclangd
    cflags="$cflags -fprofile-instr-use=code.profclangd -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date -Wno-backend-plugin"
fi

lap() {
    echo "  python $1: $((SECONDS - began)) s" >&2
    began=$SECONDS
}

attempt() {  # attempt NAME COMMAND...: with its output in a log
    local log=$SOURCE.$1.log
    if ! "${@:2}" >"$log" 2>&1 </dev/null; then
        tail -40 "$log" >&2
        echo "error: CPython $MINOR for $HOST: $1 failed; the whole log: $log" >&2
        exit 1
    fi
    lap "$1"
}

began=$SECONDS
attempt configure ./configure "${options[@]}" CFLAGS="$cflags" LDFLAGS="-no-pie -Wl,--gc-sections"

# Every extension module goes into the executable; but _hmac (3.14), whose objects would be linked twice.
sed -i 's/^\*shared\*/*static*/; /^_hmac /d' Modules/Setup.stdlib
if [ -f Modules/hmacmodule.c ]; then
    printf '*shared*\n_hmac hmacmodule.c\n' >>Modules/Setup.stdlib
fi
if [ "$minor" -lt 12 ]; then
    # 3.11 has the list, and does not use it yet. ctypes is in a comment there, without what setup.py finds out of libffi.
    libffi=$(printf -- '-DHAVE_FFI_%s ' PREP_CIF_VAR PREP_CLOSURE_LOC CLOSURE_ALLOC)
    sed "s/^#[^ ]*\(_ctypes _ctypes.*\)/\1 $libffi-lffi -ldl/" Modules/Setup.stdlib >Modules/Setup.local
fi
attempt make env -u DESTDIR make -j"$JOBS"
rm -rf "$DESTDIR"
attempt install make install DESTDIR="$DESTDIR"
