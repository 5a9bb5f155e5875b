import java.util.*;
/** Collections, strings, virtual calls, arithmetic; compiled by javac within the same process. */
public class Mix {
    interface Shape { double area(); }
    record Circle(double r) implements Shape { public double area() { return 3 * r * r; } }
    record Square(double s) implements Shape { public double area() { return s * s; } }
    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    public static void main(String[] arguments) {
        Map<String, Integer> counts = new TreeMap<>(); int seed = 1;
        for (int i = 0; i < 400000; i++) { seed = (seed * 1103515245 + 12345) & 0x7fffffff; counts.merge("k" + seed % 800, i % 7, Integer::sum); }
        double sum = 0; Shape[] shapes = new Shape[1000];
        for (int i = 0; i < shapes.length; i++) shapes[i] = i % 3 == 0 ? new Circle(i) : new Square(i);
        for (int k = 0; k < 3000; k++) for (Shape shape : shapes) sum += shape.area();
        System.out.println(counts.size() + " " + fib(32) + " " + sum + " " + counts.values().stream().mapToInt(v -> v).sum());
    }
}
