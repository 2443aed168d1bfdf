//! The table: one line per thing that the language does in its own way.

use super::snippets::{Exits, check};

fn check_all(bodies: &[&str]) {
    for body in bodies {
        check(body, Exits::OnErrors);
    }
}

#[test]
fn arithmetic_of_integers() {
    check_all(&[
        "a + b",
        "a - b",
        "a * b",
        "a / b",
        "a % b",
        "a ** b",
        "a << b",
        "a >> b",
        "b << a",
        "b >> a",
        "a & b",
        "a | b",
        "a ^ b",
        "-a",
        "+a",
        "-(-a)",
        "a + b * 3 - a / 7",
        "1 + 2 * 3",
        "(a + 1) * (b - 1)",
        "9223372036854775807 + a",
        "-9223372036854775807 - a",
        "a == b",
        "a != b",
        "a < b",
        "a <= b",
        "a > b",
        "a >= b",
    ]);
}

#[test]
fn arithmetic_of_floats_and_of_both() {
    check_all(&[
        "x + y",
        "x - y",
        "x * y",
        "x / y",
        "x % y",
        "-x",
        "+x",
        "a + x",
        "x + a",
        "a - x",
        "x - a",
        "a * x",
        "a / x",
        "x / a",
        "a % x",
        "x % a",
        "x == y",
        "x != y",
        "x < y",
        "x <= y",
        "x > y",
        "x >= y",
        "a == x",
        "x == a",
        "a < x",
        "x >= a",
        "a != x",
        "0.1 + 0.2 == 0.3",
        "x + 0.2 == 0.3",
        "x * 1.0000000000000002 > x",
        "a * 1.0",
    ]);
}

#[test]
fn bools_and_short_circuits() {
    check_all(&[
        "a > 0 && b > 0",
        "a > 0 || b > 0",
        "a > 0 && b > 0 && x > 0.0",
        "a > 0 || b > 0 || x > 0.0",
        "!(a > 0)",
        "(a > 0) & (b > 0)",
        "(a > 0) | (b > 0)",
        "(a > 0) ^ (b > 0)",
        "(a > 0) == (b > 0)",
        "(a > 0) != (b > 0)",
        "(a > 0) < (b > 0)",
        "(a > 0) <= (b > 0)",
        "(a > 0) > (b > 0)",
        "(a > 0) >= (b > 0)",
        "a != 0 && 10 / a > 1",
        "a == 0 || 10 / a > 1",
        "this.on && this.bump(1) > 0 || this.bump(10) > 0",
        "this.off && this.bump(1) > 0",
        "let t = a > 0; t &= b > 0; t",
        "let t = a > 0; t |= b > 0; t ^= true; t",
        "ON && a > 1",
    ]);
}

#[test]
fn values_of_different_types_are_never_equal() {
    check_all(&[
        "1 == \"a\"",
        "a == \"a\"",
        "a != \"a\"",
        "a < \"a\"",
        "(a > 0) == a",
        "(a > 0) != x",
        "() == a",
        "() != a",
        "() == ()",
        "() != ()",
        "this.order == a",
        "this.order != a",
        "this.other == 1.0",
        "this.bump(1) == \"a\" || this.bump(2) != \"b\"",
        "nothing() == ()",
        "this.ints == 1",
        "m == this.order",
    ]);
}

#[test]
fn texts_and_handles_are_compared() {
    check_all(&[
        "this.word == \"abc\"",
        "this.word != WORD",
        "this.word < \"b\"",
        "this.word >= \"abc\"",
        "this.word = \"up\"; this.word == \"up\"",
        "this.word = if a > 0 { \"up\" } else { WORD }; this.word",
        "let w = \"one\"; if a > 1 { w = \"two\"; } this.word = w; w",
        "this.word = name_of(a); this.word",
        "this.set_word(\"other\"); this.word",
        "let o = m.buy(1.0); this.word = o.status; this.word == \"new\"",
        "let w = this.word; w = m.buy(1.0).status; this.word = w; w == \"abc\"",
        "m == this.other",
        "m != market(\"sim:OTHER\")",
        "market(\"sim:OTHER\") == this.other",
        "this.order == no_order()",
        "this.order = m.buy(1.0); this.order == no_order()",
        "this.bars == this.bars",
    ]);
}

#[test]
fn functions_of_numbers() {
    check_all(&[
        "abs(a)",
        "abs(x)",
        "a.abs()",
        "sign(a)",
        "sign(x)",
        "floor(x)",
        "floor(a)",
        "ceiling(x)",
        "ceil(x)",
        "round(x)",
        "round(x * 10.0)",
        "x.round()",
        "x.round",
        "x.int",
        "int(x)",
        "x.fraction",
        "fraction(x)",
        "to_int(x)",
        "to_int(a)",
        "to_int(x / 0.0 * 0.0)",
        "to_int(9223372036854775808.0)",
        "to_float(a)",
        "to_float(x)",
        "max(a, b)",
        "min(a, b)",
        "max(x, y)",
        "min(x, y)",
        "max(a, y)",
        "min(x, b)",
        "a.max(b)",
        "x.is_nan",
        "is_nan(x)",
        "x.is_finite",
        "x.is_infinite()",
        "x.is_zero",
        "a.is_zero",
        "a.is_odd",
        "a.is_even()",
        "is_even(b)",
        "PI() * x",
        "E() + x",
        "sqrt(abs(x))",
        "pow(a, 2)",
        "exp(y)",
        "log(abs(y) + 1.0, 2)",
    ]);
}

#[test]
fn branches_as_statements_and_as_values() {
    check_all(&[
        "if a > b { 1 } else { 2 }",
        "if a > b { x } else { y }",
        "let t = if a > b { a } else { b }; t * 2",
        "let t = 1; if a > 0 { t = 2; } else if b > 0 { t = 3; } else { t = 4; } t",
        "if a > 0 { this.n = 1; }",
        "if a > 0 { this.n = 1; } else { this.x = 2.0; }",
        "if a > 0 { return 5; } 6",
        "if a > 0 { return 5; } else { return 6; }",
        "let t = if a > 0 { return 7; } else { 8 }; t",
        "let t = if a > 0 { 1.5 } else { throw \"no\" }; t",
        "if a > 0 { throw 1; } a",
        "{ let t = a; t + 1 }",
        "let t = { let u = a; u * 2 }; t",
        "let t = a; { let t = 5; t + 1; } t",
        "let t = 1; let t = 2.5; t + x",
        "let t = 1; { let t = x; this.x = t; } t",
        "let t; if a > 0 { t = 1; } else { t = 2; } t",
        "let t; t = x; t + 1.0",
        "let t; if a > 0 { t = 1; } else { return 0; } t",
        "const K = 4; K + a",
        "if a > 0 { }",
        "nothing()",
        "let t = max(if a > b { a } else { b }, 3); t",
        "(if a > 0 { 1 } else { 2 }) + (if b > 0 { 10 } else { 20 })",
        "let u = (); u",
        "let u = nothing(); a",
    ]);
}

#[test]
fn switches() {
    check_all(&[
        "switch a { 1 => 10, 2 => 20, _ => 30 }",
        "switch a { 1 => 10, -3 => 20, _ => 30 }",
        "switch a { 1 | 2 | 3 => 10, 7 => 20, _ => 30 }",
        "switch a { 1 if b > 1 => 10, 1 => 11, -3 if x > 0.0 => 5, _ => 30 }",
        "switch a { 0..5 => 1, 5..=10 => 2, _ => 3 }",
        "switch a { 7 => 0, 0..5 if b > 2 => 1, 0..11 => 2, _ => 3 }",
        "switch a { 7 if b > 0 => 0, 0..5 if b > 2 => 1, 0..11 => 2, _ => 3 }",
        "switch a { 1 => this.n = 5, 2 => { this.n = 6; } _ => () }",
        "switch a { 1 => { return 5; } _ => 6 }",
        "switch a { 1 => 1.5, _ => throw \"x\" }",
        "switch a > b { true => 1, false => 2 }",
        "switch a > b { true => 1, _ => 2 }",
        "switch this.word { \"abc\" => 1, \"x\" => 2, _ => 3 }",
        "switch name_of(a) { \"up\" | \"over\" => 1, \"down\" if b > 0 => 2, _ => 3 }",
        "let t = switch a { 1 => x, _ => y }; t * 2.0",
        "switch a { 1 => 1, \"one\" => 2, 1.0 => 3, _ => 4 }",
        "switch this.bump(1) { 4 => this.bump(10), _ => 0 }",
        "switch a { 10 => 1 }; 5",
        "let t = 0; for i in 0..5 { switch i { 1 => continue, 3 => break, _ => t += i } } t",
        "switch a { 5 => if b > 0 { 1 } else { 2 }, _ => 3 }",
        "switch a { 9223372036854775807 => 1, -9223372036854775808 => 2, _ => 3 }",
    ]);
}

#[test]
fn loops() {
    check_all(&[
        "let t = 0; while t < 5 { t += 1; } t",
        "let t = 0; while t < 5 { t += 1; if t == 3 { break; } } t",
        "let t = 0; let s = 0; while t < 5 { t += 1; if t == 3 { continue; } s += t; } s",
        "let t = 0; loop { t += 2; if t > 7 { break; } } t",
        "let t = 0; let r = loop { t += 2; if t > 7 { break t * 10; } }; r",
        "let t = 0; loop { t += 1; if t > 4 { return t; } }",
        "let t = 0; do { t += 1; } while t < 5; t",
        "let t = 0; do { t += 1; } until t >= 5; t",
        "let t = 0; let s = 0; do { t += 1; if t % 2 == 0 { continue; } s += 1; if t > 8 { break; } } while t != 5; t * 100 + s",
        "let t = 9; do { t += 1; if t == 20 { break; } continue; } while t < 3; t",
        "let s = 0; for i in 0..5 { s += i; } s",
        "let s = 0; for i in 0..=5 { s += i; } s",
        "let s = 0; for i in a..b { s += i; if i > 90 { break; } if s < -100 { break; } } s",
        "let s = 0; for i in b..=b { s += 1; } s",
        "let s = 0; for i in 9223372036854775806..=9223372036854775807 { s += 1; } s",
        "let s = 0; for i in range(0, 4) { s += i; } s",
        "let s = 0; for i in range(0, 10, 3) { s += i; } s",
        "let s = 0; for i in range(b, 5, 7) { s += i; if s > 100 { break; } } s",
        "let s = 0; for i in range(10, 0, -3) { s += i; } s",
        "let s = 0; for i in range(3, 5, -1) { s += i; } s",
        "let k = 2; let s = 0; for i in range(0, 10, k) { s += i; } s",
        "let k = 3; let s = 0; for i in range(10, 0, -k) { s += i; } s",
        "let k = 0.25; let s = 0.0; for v in range(0.0, 1.0, k) { s += v; } s",
        "let k = -0.5; let s = 0.0; for v in range(y, -1.0, k) { s += v; if s < -9.0 { break; } } s",
        "let s = 0; for (v, i) in [5, 6, 7] { s += v * i; } s",
        "let s = 0; for v in this.ints { s += v; } s",
        "let s = 0.0; for v in this.floats { s += v; } s",
        "for v in this.ints { this.ints.push(v * 10); } this.ints.len()",
        "let s = 0; for i in 0..3 { for j in 0..i { s += i * j; if j == 1 { continue; } } } s",
        "let s = 0; for i in 0..3 { let i = i * 2; s += i; } s",
        "let s = 0; for i in 0..4 { i += 10; s += i; } s",
        "let s = 0; for (i, n) in 10..15 { n += 1; s += n; } s",
        "for i in 0..3 { this.n += i; } this.n",
        "let t = 0; while true { t += 1; if t > 3 { break; } } t",
        "let s = 0; for i in 0..0 { s = 9; } s",
        "for i in 0..10 { if i == a { return i; } } -1",
        "let s = 0; for v in LIST { s += v; } s",
        "let s = 0.0; for v in [x, y] { s += v; } s",
        "let s = 0; for i in 0..3 { let t; if i > 0 { t = i; } else { t = 7; } s += t; } s",
    ]);
}

#[test]
fn fields_of_the_state() {
    check_all(&[
        "this.n",
        "this.n = a; this.n",
        "this.n += a; this.n",
        "this.n -= 1; this.n *= 2; this.n",
        "this.x += 1; this.x",
        "this.x *= a; this.x /= 2; this.x -= y; this.x",
        "this.k <<= 2; this.k",
        "this.k >>= 1; this.k |= 8; this.k &= 12; this.k ^= 5; this.k",
        "this.k %= 3; this.k",
        "this.k **= 2; this.k",
        "this.x %= 0.4; this.x",
        "this.on = a > 0; this.on",
        "this.on &= this.off; this.on",
        "this.inner.n + a",
        "this.inner.n += 5; this.inner.n",
        "this.inner.deep.x = x; this.inner.deep.x",
        "this.inner.deep.list[0] += 1.0; this.inner.deep.list[0]",
        "this.inner.deep.list.push(x); this.inner.deep.list.len",
        "this.n += this.bump(10); this.n",
        "this.n = this.n + this.bump(10); this.n",
        "this.n = this.bump(10) + this.n; this.n",
        "this[\"n\"] + 1",
        "this[\"n\"] = 4; this.n",
        "this.n /= a; this.n",
        "let n = this.n; this.n = 99; n",
    ]);
}

#[test]
fn arrays() {
    check_all(&[
        "this.ints[0]",
        "this.ints[-1]",
        "this.ints[a]",
        "this.ints[b] = 9; this.ints[b]",
        "this.ints[0] += a; this.ints[0]",
        "this.ints[-1] *= 3; this.ints[2]",
        "this.floats[1] -= 2; this.floats[1]",
        "this.ints.len",
        "this.ints.len()",
        "len(this.ints)",
        "this.ints.is_empty()",
        "this.none.is_empty",
        "this.none.push(x); this.none[0]",
        "this.ints.push(a); this.ints[3]",
        "this.ints += a; this.ints[3]",
        "this.ints.insert(1, 77); this.ints[1]",
        "this.ints.insert(-1, 77); this.ints[2]",
        "this.ints.insert(99, 77); this.ints[3]",
        "this.ints.insert(-99, 77); this.ints[0]",
        "this.ints.insert(a, 77); this.ints.len()",
        "this.ints.truncate(a); this.ints.len()",
        "this.ints.clear(); this.ints.len()",
        "this.ints.reverse(); this.ints[0]",
        "this.ints.contains(2)",
        "this.ints.contains(2.0)",
        "this.ints.contains(a)",
        "({ this.ints.push(4); 4 }) in this.ints",
        "({ this.ints.push(5); 5 }) !in this.ints",
        "let t = 1; ({ t = 3; t }) in [t, 2]",
        "a in this.ints",
        "a !in this.ints",
        "x in this.floats",
        "a in LIST",
        "a in 0..5",
        "a !in 0..=5",
        "this.ints.index_of(3)",
        "this.ints.index_of(a)",
        "this.floats.index_of(4)",
        "let t = [1, 2, 3]; t[1] = a; t[0] + t[1]",
        "let t = [x, y, 1.5]; t[2] + t[0]",
        "let t = [a, b]; let u = t; u[0] = 100; t[0]",
        "let t = this.ints; t[0] = 100; this.ints[0]",
        "let t = [9]; this.ints = t; t[0] = 1; this.ints[0]",
        "let t = this.ints; this.ints[0] = 50; t[0]",
        "sum(this.floats)",
        "let t = [1.0, 2.0]; let s = sum(t); s * 10.0 + t.len()",
        "first([a, b])",
        "first(this.ints) + first(LIST)",
        "let t = []; for i in 0..3 { t.push(i); } t[2] * 10 + t.len()",
        "let t = []; t.push(x); t.push(y); t[1]",
        "let t = []; let u = []; t.push(1); u.push(x); u[0] + t[0]",
        "this.ints = []; this.ints.len()",
        "this.ints = [a]; this.ints[0]",
        "this.ints = LIST; this.ints[1]",
        "this.ints[this.bump(-3)] = this.bump(1); this.ints[0] * 100 + this.ints[1]",
        "this.floats[0] = this.grow(1.0) * 1.0; this.floats[0]",
        "this.floats[this.grow(2.0) - 1] + this.floats.len()",
        "this.floats.push(this.grow(3.0) * 1.0); this.floats[4]",
        "this.floats.insert(this.grow(1.0), x); this.floats.len()",
        "LIST[a]",
        "RATES[0] + RATES[-1]",
        "[a, b][1]",
        "let t = if a > 0 { this.ints } else { LIST }; t.push(1); t.len() * 10 + this.ints.len()",
        "let t = [1]; let u = pick(a > 0, t, LIST); u.push(5); t.len() * 10 + u.len()",
    ]);
    for body in [
        "this.ints.pop()",
        "this.ints.pop(); this.ints.len()",
        "this.ints.shift()",
        "this.ints.remove(1)",
        "this.ints.remove(-1)",
        "this.ints.remove(a)",
        "this.ints.pop(); this.ints.pop(); this.ints.pop(); this.ints.pop(); 1 /* fails */",
        "this.none.shift(); 2 /* fails */",
    ] {
        check(body, Exits::AlsoElsewhere);
    }
}

#[test]
fn functions_of_the_script() {
    check_all(&[
        "twice(a)",
        "twice(x)",
        "twice(twice(a)) + twice(1)",
        "this.bump(a)",
        "this.bump(1) + this.bump(10) * this.n",
        "pick(a > 0, a, b)",
        "pick(a > 0, x, y)",
        "pick(a > 0, \"up\", \"down\") == \"up\"",
        "early(a)",
        "early(x)",
        "maybe(a); 5",
        "this.n = 4; maybe(this.n); this.n",
        "if a > 0 && a < 20 { fact(a) } else { 0 }",
        "if a >= 0 && a < 9 { is_even_(a) } else { false }",
        "let t = 5; twice(t); t",
        "max(a, this.bump(1))",
        "max(this.n, this.bump(1))",
        "let t = a; max(t, { t = 50; 1 })",
        "let t = 1; t + { t = 5; t } + t",
        "let t = a; pick({ t = 9; true }, t, b)",
        "let t = 1; let u = pick(t == 1, { t = 2; t }, t); u * 10 + t",
        "tell(m, \"hello\") + tell(m, \"there\")",
        "twice(tell(m, \"once\"))",
        "a ?? b",
        "nothing() ?? a",
        "() ?? x",
    ]);
}

#[test]
fn errors_are_side_exits() {
    check_all(&[
        "if a > 3 { throw a; } a",
        "try { x + 1.0 } catch { 2 }",
        "this.n = 50; a / b",
        "note(\"before\"); 1 / a",
        "m.every(a, \"t\")",
        "m.buy(x)",
        "if x > 0.0 { m.imbalance(a) } else { 0.0 }",
    ]);
    // What Rhai catches, the interpreter runs.
    for body in [
        "try { a / b } catch { -1 }; 1",
        "let t = 0; try { t = 10 / a; } catch (e) { t = -1; } t",
        "try { throw \"x\" } catch { this.n = 9; } this.n /* fails */",
        "try { a + 1 } catch { 2 }",
    ] {
        check(body, Exits::AlsoElsewhere);
    }
}

#[test]
fn the_interface_is_called_in_the_same_order() {
    check_all(&[
        "m.bid",
        "m.bid + m.ask * 2.0 - m.mid",
        "m.spread_ticks + m.regime",
        "m.is_flat && !m.stale",
        "m.now_ns",
        "this.other.bid",
        "market(\"sim:OTHER\").ask",
        "m.bid(1) + m.ask(0)",
        "m.imbalance(3)",
        "note(\"text\"); note(\"{} and {}\", a, x); note(\"{}\", this.word, a > 0)",
        "alert(\"warning\", \"n {}\", a)",
        "plot(\"x\", a); plot(\"pane\", \"y\", 2.5)",
        "signal(BUY, 0.5, \"why\")",
        "this.order = m.buy(1.0); this.order.is_open",
        "this.order = m.buy_limit(1.0, m.bid, POST_ONLY, \"why\"); this.order.price",
        "m.buy_limit(2, 99, \"why\").qty",
        "m.sell_limit(1, 101, POST_ONLY | REDUCE_ONLY).is_denied",
        "m.cancel(this.order); m.cancel_all(); m.flatten(\"why\"); m.flatten()",
        "m.target_position(-m.qty_for(100), \"below\")",
        "m.qty_at_risk(0.01, 99)",
        "m.buy(tell(m, \"first\") / 100.0, \"second\"); tell(m, \"third\")",
        "m.buy_limit(tell(m, \"one\"), tell(m, \"two\"), 0, \"three\").price + tell(m, \"four\")",
        "crossed_up(this.line, this.slow)",
        "crossed_down(this.line, 5)",
        "this.line.value - this.line.prev",
        "this.line.is_warm",
        "m.after(100, \"later\"); m.stop_timer(\"later\")",
        "let o = m.buy(1.0); note(\"{}\", o.status); o.reason == \"\"",
        "let q = m.qty_for(50.0); m.buy(if a > 0 { q } else { 1.0 })",
        "max(this.n, tell(m, \"x\"))",
        "let o = this.order; this.order = m.sell(1); o == this.order",
    ]);
}
