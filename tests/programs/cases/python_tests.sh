# Python's own regression modules.
# tier: core
# packages: python3 libpython3.11-testsuite
# timeout: 900
cd /work
for module in test_math test_float test_struct test_re test_json test_threading test_signal test_subprocess test_mmap test_ctypes \
    test_long test_cmath test_complex test_fork1 test_os test_posix test_select test_epoll test_socketpair test_array test_zlib test_hashlib; do
    python3 -m test -q --timeout 400 "$module" >"$module.log" 2>&1
    code=$?
    echo "$module $code"
    [ $code -eq 0 ] || grep -E '^(FAIL|ERROR):|Error' "$module.log" | head -12 >&2
done
