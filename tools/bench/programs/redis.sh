# A server and its benchmark on one machine.
redis-server --port 6399 --bind 127.0.0.1 --save '' --dir /tmp >/tmp/log 2>&1 &
until redis-cli -p 6399 ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
redis-benchmark -p 6399 -n 10000 -c 10 -q -t set,get,lpush,incr | tr '\r' '\n' | grep -c 'requests per second'
redis-cli -p 6399 shutdown nosave; wait
