# Erlang: the compiler, its virtual machine with compiled code, processes, messages, ports, timers, tables, distribution of work.
# tier: full
# packages: erlang-base
# timeout: 600
cd /work
export HOME=$PWD
cat >app.erl <<'END'
-module(app).
-export([main/0, ring/2, fib/1]).

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

ring(Parent, 0) -> receive M -> Parent ! {done, M} end;
ring(Parent, N) -> Next = spawn(?MODULE, ring, [Parent, N - 1]), receive M -> Next ! M + 1 end.

crash() -> try 1 / (length([]) + 0) catch error:badarith -> caught end.

main() ->
    io:format("fib ~p~n", [fib(24)]),
    First = spawn(?MODULE, ring, [self(), 5000]), First ! 0,
    receive {done, M} -> io:format("ring ~p~n", [M]) end,
    io:format("big ~p~n", [lists:foldl(fun(X, A) -> X * A end, 1, lists:seq(1, 60))]),
    io:format("float ~.10f ~p~n", [math:sqrt(2) + math:pow(1.1, 20), 1.0e300 * 1.0e-300]),
    io:format("sorted ~p~n", [lists:sublist(lists:sort([(X * 7919) rem 10007 || X <- lists:seq(1, 20000)]), 5)]),
    T = ets:new(t, [set, public]), [ets:insert(T, {X, X * X}) || X <- lists:seq(1, 10000)],
    io:format("table ~p ~p~n", [ets:lookup(T, 777), ets:info(T, size)]),
    Self = self(), [spawn(fun() -> Self ! {part, lists:sum(lists:seq(N * 1000 + 1, N * 1000 + 1000))} end) || N <- lists:seq(0, 99)],
    io:format("parts ~p~n", [lists:sum([receive {part, S} -> S end || _ <- lists:seq(1, 100)])]),
    io:format("error ~p ~p~n", [crash(), (catch throw(ball))]),
    {P, R} = spawn_monitor(fun() -> exit(enough) end), receive {'DOWN', R, process, P, Why} -> io:format("down ~p~n", [Why]) end,
    io:format("binary ~p~n", [<< <<(X + 1)>> || <<X>> <= <<"HAL">> >>]),
    io:format("md5 ~p~n", [binary:encode_hex(erlang:md5(lists:duplicate(10000, $a)))]),
    io:format("crc ~p~n", [erlang:crc32(<<"erlang">>)]),
    io:format("command ~s", [os:cmd("echo from a shell")]),
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]), {ok, Port} = inet:port(L),
    spawn(fun() -> {ok, S} = gen_tcp:accept(L), {ok, D} = gen_tcp:recv(S, 0), gen_tcp:send(S, string:uppercase(D)), gen_tcp:close(S) end),
    {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]), gen_tcp:send(C, "over a socket\n"),
    {ok, Answer} = gen_tcp:recv(C, 0), io:format("~s", [Answer]),
    {Time, _} = timer:tc(fun() -> timer:sleep(50) end), io:format("timer ~p~n", [Time >= 50000]),
    halt(0).
END
erlc app.erl && erl -noshell -s app main
