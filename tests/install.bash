# For tests of what is installed: `load install` after `load lib`.

# installed install|uninstall ROOT: `make` that, into the file system ROOT, as a packager does.
installed() {
    env -u MAKEFLAGS make -s -C "$ROOT" "$1" B="$(realpath --relative-to="$ROOT" "$BUILD")" \
        DESTDIR="$2" prefix=/usr >/dev/null
}
