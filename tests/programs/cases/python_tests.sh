# Python's own regression modules, the core of them.
# tier: full
# packages: python3 libpython3.11-testsuite
# timeout: 3600
cd /work
# The user namespace of this run has one user and one group; these tests change to others.
others="-i test_user -i test_group -i test_extra_groups"
for module in test_math test_float test_struct test_re test_json test_threading test_signal test_subprocess test_mmap test_ctypes; do
    python3 -m test -q --timeout 1200 $others "$module" >"$module.log" 2>&1
    code=$?
    echo "$module $code"
    [ $code -eq 0 ] || grep -E '^(FAIL|ERROR):|Error|Timeout' "$module.log" | head -12 >&2
done
