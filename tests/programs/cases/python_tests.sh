# Python's own regression modules, the core of them.
# tier: full
# packages: python3 libpython3.11-testsuite
# timeout: 900
cd /work
for module in test_math test_float test_struct test_re test_json test_threading test_signal test_subprocess test_mmap test_ctypes; do
    python3 -m test -q --timeout 300 "$module" >"$module.log" 2>&1
    code=$?
    echo "$module $code"
    [ $code -eq 0 ] || grep -E '^(FAIL|ERROR):|Error|Timeout' "$module.log" | head -12 >&2
done
