# Go: the compiler builds a program, which runs goroutines, channels, maps, garbage collection, a loopback server, panics.
# tier: full
# packages: golang-1.19-go golang-go
# timeout: 900
cd /work
export GOCACHE=$PWD/cache GOPATH=$PWD/gopath CGO_ENABLED=0 GOFLAGS=-mod=mod GOTOOLCHAIN=local HOME=$PWD
go version | cut -d' ' -f1-3
mkdir app; cd app; printf 'module app\n\ngo 1.19\n' >go.mod
cat >main.go <<'END'
package main

import ("bufio"; "crypto/sha256"; "encoding/json"; "fmt"; "math"; "net"; "os"; "os/exec"; "os/signal"; "runtime"; "sort"; "strings"; "sync"; "syscall"; "time")

type tree struct { l, r *tree; v int }
func build(d int) *tree { if d == 0 { return &tree{v: 1} }; return &tree{build(d - 1), build(d - 1), d} }
func (t *tree) sum() int { if t == nil { return 0 }; return t.v + t.l.sum() + t.r.sum() }

func main() {
	ch := make(chan int); var wg sync.WaitGroup; var mu sync.Mutex; total := 0
	for i := 0; i < 100; i++ { wg.Add(1); go func(i int) { defer wg.Done(); for j := range ch { mu.Lock(); total += j * (i - i + 1); mu.Unlock() } }(i) }
	for i := 0; i < 20000; i++ { ch <- i }
	close(ch); wg.Wait(); fmt.Println("goroutines", total)
	s := 0; for i := 0; i < 10; i++ { s += build(14).sum() }; runtime.GC(); fmt.Println("trees", s)
	m := map[string]int{}; for i := 0; i < 50000; i++ { m[fmt.Sprint(i%777)] += i }
	keys := []string{}; for k := range m { keys = append(keys, k) }; sort.Strings(keys); fmt.Println("map", len(keys), m[keys[5]])
	fmt.Printf("%x\n", sha256.Sum256([]byte(strings.Repeat("go", 10000))))
	b, _ := json.Marshal(map[string]any{"pi": math.Pi, "list": []int{1, 2, 3}}); fmt.Println(string(b))
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() { c, _ := l.Accept(); t, _ := bufio.NewReader(c).ReadString('\n'); fmt.Fprint(c, strings.ToUpper(t)); c.Close() }()
	c, err := net.Dial("tcp", l.Addr().String()); if err == nil { fmt.Fprintln(c, "hello"); t, _ := bufio.NewReader(c).ReadString('\n'); fmt.Print("net ", t) }
	func() { defer func() { fmt.Println("recovered", recover()) }(); var p *tree; _ = p.v }()
	func() { defer func() { fmt.Println("recovered", recover()) }(); a := []int{1}; i := 5; _ = a[i] }()
	sig := make(chan os.Signal, 1); signal.Notify(sig, syscall.SIGUSR1); syscall.Kill(os.Getpid(), syscall.SIGUSR1); fmt.Println("signal", <-sig)
	out, err := exec.Command("/bin/echo", "sub").Output(); fmt.Printf("exec %q %v\n", out, err)
	_, err = exec.Command("/no/such").Output(); fmt.Println("missing", err)
	spin := 0; done := time.After(50 * time.Millisecond)
loop:
	for { select { case <-done: break loop; default: spin++ } }
	fmt.Println("timer", spin > 0, math.Sqrt(2), math.FMA(1.1, 2.2, 3.3))
}
END
go vet . && go build -o app . && ./app
cat >main_test.go <<'END'
package main
import "testing"
func TestTree(t *testing.T) { if build(3).sum() != 19 { t.Fatal(build(3).sum()) } }
END
go test . 2>&1 | cut -f1,2
GOARCH=amd64 go build -o other . && head -c 4 other | od -c | head -1
