# Sourced by scripts/test and scripts/screenshots: sees to it that there is a Chromium, for the tests of the page.
#
# As root on Debian it is installed where it is missing. Elsewhere those tests are skipped by name with the remedy.

has_chromium() {
    [[ -n ${CHROMIUM:-} ]] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null
}

prepare_chromium() {
    has_chromium && return
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        say "installing chromium, which the tests of the page drive"
        { apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } >&2 || true
    fi
    has_chromium || say "there is no chromium: the tests of the page are skipped (as root: apt-get install chromium)"
}
