# Redis: server, commands, persistence, expiry, scripts, benchmark, replication to a second server.
# tier: full
# packages: redis-server redis-tools
# timeout: 300
# peer: the server refuses to start, as it takes the emulator's smaps for a kernel bug
cd /work
start() { redis-server --port $1 --bind 127.0.0.1 --save '' --dir /work --daemonize no ${2:-} >log.$1 2>&1 & for i in $(seq 100); do redis-cli -p $1 ping 2>/dev/null | grep -q PONG && return; sleep 0.1; done; tail -5 log.$1 >&2; }
start 6390; c() { redis-cli -p 6390 "$@"; }
c set a 1; c incrby a 41; c append a x; c get a; c rpush l 1 2 3; c lrange l 0 -1; c hset h f v g w; c hgetall h | paste -sd,; c zadd z 2 b 1 a; c zrange z 0 -1 withscores | paste -sd,
for i in $(seq 1 500); do echo "set key:$i value$((i * i))"; done | redis-cli -p 6390 --pipe | tail -1
c dbsize; c setex gone 1 x; sleep 1.5; c get gone; c eval 'local s = 0 for i = 1, 1000 do s = s + i end return {s, redis.call("get", KEYS[1])}' 1 key:9; c setbit bits 100 1; c bitcount bits; c pfadd hll a b c d; c pfcount hll
redis-benchmark -p 6390 -n 3000 -c 20 -q -t set,get,incr,lpush,mset 2>&1 | tr '\r' '\n' | grep -cE '^(SET|GET|INCR|LPUSH|MSET).*requests per second'
start 6391 "--replicaof 127.0.0.1 6390"; for i in $(seq 50); do redis-cli -p 6391 info replication | grep -q master_link_status:up && break; sleep 0.1; done; redis-cli -p 6391 get key:10
# The second server may still be getting its copy.
for i in $(seq 100); do c info persistence | grep -q rdb_bgsave_in_progress:0 && break; sleep 0.1; done
c save; c bgsave; sleep 1; c debug reload 2>&1 | head -1; c get key:500; c shutdown nosave; redis-cli -p 6391 shutdown nosave; redis-check-rdb dump.rdb | tail -1
