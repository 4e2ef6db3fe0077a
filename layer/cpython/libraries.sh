#!/bin/bash
# The static libraries that the interpreter is linked with.
#   libraries.sh        called by `build`, which sets:
#     HOST      x86_64-linux-gnu or aarch64-linux-gnu
#     SOURCES   a folder with one unpacked, patched source tree per library
#     PREFIX    where include/ and lib/ go
#     JOBS      how many compilers at once
#     LIBRARIES their names: those of the folders
# and has the compiler wrappers zclang, zar and zranlib on PATH. They are called by name only, and every path is relative
# or outside what is compiled, so that no build path gets into the result.
set -euo pipefail

# Hidden: an executable that exports `inflate` or `SSL_read` would put its own in the place of those that a wheel
# brings (psycopg, cryptography, pillow), in another version. Sections: what nobody calls is left out by the linker.
export CC=zclang AR=zar RANLIB=zranlib
export CFLAGS="-O2 -g0 -fvisibility=hidden -ffunction-sections -fdata-sections"
mkdir -p "$PREFIX/lib" "$PREFIX/include"

in_source() {  # in_source NAME COMMAND: run it in that source tree, its output in a log
    local started=$SECONDS
    export -f "build_$1"
    # A shell of its own: `set -e` does not hold inside an `if`.
    if ! bash -euo pipefail -c 'cd "$SOURCES/$1"; "build_$1"' - "$1" >"$SOURCES/$1.log" 2>&1 </dev/null; then
        tail -25 "$SOURCES/$1.log" >&2
        echo "error: $1 did not compile for $HOST; the whole log: $SOURCES/$1.log" >&2
        return 1
    fi
    echo "  $1: $((SECONDS - started)) s" >&2
}

build_zlib() {
    CHOST=$HOST ./configure --static
    make -j"$JOBS" libz.a AR="$AR" ARFLAGS=rc RANLIB="$RANLIB"
    cp libz.a "$PREFIX/lib" && cp zlib.h zconf.h "$PREFIX/include"
}

build_bzip2() {
    make -j"$JOBS" libbz2.a CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64"
    cp libbz2.a "$PREFIX/lib" && cp bzlib.h "$PREFIX/include"
}

build_xz() {
    ./configure --build=x86_64-linux-gnu --host="$HOST" --disable-shared --enable-static --disable-xz --disable-xzdec \
        --disable-lzmadec --disable-lzmainfo --disable-lzma-links --disable-scripts --disable-doc --disable-nls \
        gl_cv_cc_visibility=no  # or its functions are exported in spite of CFLAGS
    make -j"$JOBS" -C src/liblzma
    cp src/liblzma/.libs/liblzma.a "$PREFIX/lib" && cp -r src/liblzma/api/lzma.h src/liblzma/api/lzma "$PREFIX/include"
}

build_zstd() {
    make -C lib -j"$JOBS" libzstd.a CC="$CC" AR="$AR" CFLAGS="$CFLAGS" ZSTD_LEGACY_SUPPORT=0
    cp lib/libzstd.a "$PREFIX/lib" && cp lib/zstd.h lib/zdict.h lib/zstd_errors.h "$PREFIX/include"
}

build_libffi() {
    # zig's clang rejects the test that configure makes for hidden symbols; without them, ctypes callbacks crash on arm64.
    CFLAGS="$CFLAGS -Wno-implicit-function-declaration" ./configure --build=x86_64-linux-gnu --host="$HOST" \
        --disable-shared --enable-static --disable-docs --disable-multi-os-directory \
        libffi_cv_hidden_visibility_attribute=yes
    make -j"$JOBS"
    cp */.libs/libffi.a "$PREFIX/lib" && cp */include/ffi.h */include/ffitarget.h "$PREFIX/include"
}

build_sqlite() {
    # The amalgamation: one file, made by this machine's compiler and tclsh where the archive does not bring it.
    if [ ! -f sqlite3.c ]; then
        CC=gcc AR=ar RANLIB=ranlib CFLAGS=-O0 ./configure --disable-readline --disable-tcl
        make sqlite3.c
    fi
    $CC $CFLAGS -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 \
        -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_COLUMN_METADATA \
        -DSQLITE_ENABLE_DBSTAT_VTAB -DHAVE_USLEEP=1 -c sqlite3.c -o sqlite3.o
    $AR rc "$PREFIX/lib/libsqlite3.a" sqlite3.o
    cp sqlite3.h sqlite3ext.h "$PREFIX/include"
}

build_openssl() {
    # What Python's ssl and hashlib cannot reach is left out: a third of the library, and of its compile time.
    # no-dso, no-engine and no-legacy: nothing is loaded from a folder that a function does not have.
    local target=${HOST%%-*}
    ./Configure "linux-$target" no-shared no-pic no-tests no-apps no-docs no-legacy no-engine no-dso no-module no-quic no-cmp no-cms \
        no-ts no-srp no-slh-dsa no-ssl-trace no-uplink no-padlockeng no-afalgeng no-capieng \
        --prefix=/opt/rapid --libdir=lib --openssldir=/etc/pki/tls \
        CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS"
    make -j"$JOBS" build_libs
    cp libssl.a libcrypto.a "$PREFIX/lib" && cp -r include/openssl "$PREFIX/include"
}

# OpenSSL is half of all the work; the others are configured more than compiled, which is never parallel.
others=()
for library in $LIBRARIES; do
    [ "$library" = openssl ] || others+=("$library")
done
in_source openssl &
for library in "${others[@]}"; do
    in_source "$library" || { wait; exit 1; }
done
wait $!
