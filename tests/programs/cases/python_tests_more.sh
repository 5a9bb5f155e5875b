# More of Python's own regression modules.
# tier: full
# packages: python3 libpython3.11-testsuite
# timeout: 3600
cd /work
for module in test_long test_cmath test_complex test_fork1 test_os test_posix test_select test_epoll \
    test_array test_zlib test_hashlib test_decimal test_statistics test_asyncio test_multiprocessing_fork \
    test_faulthandler test_socket test_generators test_exceptions test_list test_dict \
    test_set test_unicode test_io test_pickle test_sqlite3 test_thread test_time test_datetime test_sort \
    test_random; do
    # ThreadedVSOCKSocketStreamTest waits for ever, natively as well, on a machine with VSOCK devices and no way to itself.
    python3 -m test -q --timeout 1500 -i "*VSOCKSocketStream*" "$module" >"$module.log" 2>&1
    code=$?
    echo "$module $code"
    [ $code -eq 0 ] || grep -E '^(FAIL|ERROR):|Error|Timeout' "$module.log" | head -12 >&2
done
# Of test_concurrent_futures, what does not give freshly started interpreters a few seconds to be ready.
python3 -m test -q --timeout 1500 -m '*ThreadPool*' -m '*FutureTests*' test_concurrent_futures >futures.log 2>&1
echo "futures $?"
