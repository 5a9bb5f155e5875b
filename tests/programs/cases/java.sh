# Java: javac and the virtual machine, interpreted and compiled, collections, threads, exceptions, streams, several collectors.
# tier: full
# packages: openjdk-17-jre-headless openjdk-17-jdk-headless
# timeout: 900
cd /work
cat >Main.java <<'END'
import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class Main {
    interface Shape { double area(); }
    record Square(double s) implements Shape { public double area() { return s * s; } }
    record Circle(double r) implements Shape { public double area() { return Math.PI * r * r; } }
    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    static int deep(int n) { return deep(n + 1) + 1; }
    public static void main(String[] args) throws Exception {
        System.out.println(fib(30));
        System.out.println(IntStream.range(0, 200000).filter(i -> i % 3 == 0).mapToLong(i -> (long) i * i).sum());
        Map<String, Integer> counts = new TreeMap<>(); Random random = new Random(42);
        for (int i = 0; i < 100000; i++) counts.merge("k" + random.nextInt(50), 1, Integer::sum);
        System.out.println(counts.entrySet().stream().limit(5).map(Object::toString).collect(Collectors.joining(",")));
        ExecutorService pool = Executors.newFixedThreadPool(4); List<Future<Long>> futures = new ArrayList<>();
        for (int t = 0; t < 8; t++) { final int k = t; futures.add(pool.submit(() -> { long s = 0; for (int i = 0; i < 2000000; i++) s += i ^ k; return s; })); }
        long total = 0; for (Future<Long> f : futures) total += f.get(); pool.shutdown(); System.out.println(total);
        Object o = null; int caught = 0;
        for (int i = 0; i < 20000; i++) try { if (i % 2 == 0) o.hashCode(); else { int[] a = new int[1]; a[i] = 1; } } catch (NullPointerException | ArrayIndexOutOfBoundsException e) { caught++; }
        System.out.println("caught " + caught);
        try { deep(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
        try { System.out.println(1 / (caught - caught)); } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
        List<byte[]> garbage = new ArrayList<>(); for (int i = 0; i < 3000; i++) { garbage.add(new byte[50000]); if (garbage.size() > 100) garbage.clear(); }
        Shape[] shapes = {new Square(2), new Circle(1)}; double area = 0; for (int i = 0; i < 1000000; i++) area += shapes[i & 1].area();
        System.out.printf("%.3f %s %a%n", area, Double.toString(0.1 + 0.2), Math.sqrt(3));
        System.out.println(new String(new char[3]).replace("\0", "ab") + " " + String.format("%,d", 1234567) + " " + Long.toHexString(Double.doubleToLongBits(Math.sin(1e6))));
        System.out.println(java.security.MessageDigest.getInstance("SHA-256").digest(new byte[100000]).length + " " + new java.math.BigInteger("3").pow(500).mod(java.math.BigInteger.valueOf(1000007)));
        synchronized (Main.class) { Thread t = new Thread(() -> { synchronized (Main.class) { Main.class.notifyAll(); } }); t.start(); Main.class.wait(5000); t.join(); }
        System.out.println(System.getProperty("java.version.date") != null);
    }
}
END
javac Main.java && for options in "" "-Xint" "-XX:+UseSerialGC -XX:TieredStopAtLevel=1" "-XX:+UseParallelGC -Xmx128m"; do echo "options $options"; java -Xss1m $options Main || echo "status $?"; done
