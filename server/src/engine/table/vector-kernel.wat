;; The vector scan: dot products, or sums of squared differences, of one query with many stored vectors, in float32, and
;; of each only the slots that are near enough.
;;
;; Both functions take byte addresses in the imported memory, and give the number of slots they kept:
;;   elements  first element of slot 0; slot s starts at elements + s * dims * 4
;;   slots     `count` slot numbers, u32; the kept ones are written over the first of them
;;   norms     dotProducts only: `count` float32, parallel to `slots`
;;   query     `dims` float32
;;   out       float32 results, parallel to the kept slots
;;   cut       a dot product below cut * norm is not kept, nor a sum above cut; NaN on either side keeps
;; Sixteen sums run side by side, so an addition waits for the one sixteen elements before it, not for its neighbour.
;;
;; `touch` reads a byte of every cache line of the vectors of some slots and nothing else, so that far more lines are under
;; way at once than beside the arithmetic: scanning vectors that lie scattered is a third faster behind it. Its result
;; means nothing.
(module
  (import "engine" "memory" (memory 1))

  (func (export "dotProducts")
    (param $elements i32) (param $slots i32) (param $norms i32) (param $count i32) (param $dims i32)
    (param $query i32) (param $out i32) (param $cut f32) (result i32)
    (local $slot i32) (local $kept i32) (local $first i32)
    (local $end16 i32) (local $end4 i32) (local $end i32) (local $last i32)
    (local $at i32) (local $q i32) (local $sum f32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $end16 (i32.add (local.get $query) (i32.shl (i32.and (local.get $dims) (i32.const -16)) (i32.const 2))))
    (local.set $end4 (i32.add (local.get $query) (i32.shl (i32.and (local.get $dims) (i32.const -4)) (i32.const 2))))
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $dims) (i32.const 2))))
    (local.set $kept (local.get $slots))
    (local.set $first (local.get $slots))
    (local.set $last (i32.add (local.get $slots) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $slots) (local.get $last)))
        (local.set $slot (i32.load (local.get $slots)))
        (local.set $at (i32.add (local.get $elements)
          (i32.shl (i32.mul (local.get $slot) (local.get $dims)) (i32.const 2))))
        (local.set $q (local.get $query))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (block $done16
          (loop $next16
            (br_if $done16 (i32.ge_u (local.get $q) (local.get $end16)))
            (local.set $a (f32x4.add (local.get $a)
              (f32x4.mul (v128.load (local.get $at)) (v128.load (local.get $q)))))
            (local.set $b (f32x4.add (local.get $b)
              (f32x4.mul (v128.load offset=16 (local.get $at)) (v128.load offset=16 (local.get $q)))))
            (local.set $c (f32x4.add (local.get $c)
              (f32x4.mul (v128.load offset=32 (local.get $at)) (v128.load offset=32 (local.get $q)))))
            (local.set $d (f32x4.add (local.get $d)
              (f32x4.mul (v128.load offset=48 (local.get $at)) (v128.load offset=48 (local.get $q)))))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (local.set $q (i32.add (local.get $q) (i32.const 64)))
            (br $next16)))
        (block $done4
          (loop $next4
            (br_if $done4 (i32.ge_u (local.get $q) (local.get $end4)))
            (local.set $a (f32x4.add (local.get $a)
              (f32x4.mul (v128.load (local.get $at)) (v128.load (local.get $q)))))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (br $next4)))
        (local.set $a (f32x4.add
          (f32x4.add (local.get $a) (local.get $b)) (f32x4.add (local.get $c) (local.get $d))))
        (local.set $sum (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
          (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
        (block $done1
          (loop $next1
            (br_if $done1 (i32.ge_u (local.get $q) (local.get $end)))
            (local.set $sum (f32.add (local.get $sum)
              (f32.mul (f32.load (local.get $at)) (f32.load (local.get $q)))))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (br $next1)))
        (local.set $slots (i32.add (local.get $slots) (i32.const 4)))
        (local.set $norms (i32.add (local.get $norms) (i32.const 4)))
        (br_if $next
          (f32.lt (local.get $sum)
            (f32.mul (local.get $cut) (f32.load (i32.sub (local.get $norms) (i32.const 4))))))
        (i32.store (local.get $kept) (local.get $slot))
        (f32.store (local.get $out) (local.get $sum))
        (local.set $kept (i32.add (local.get $kept) (i32.const 4)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $next)))
    (i32.sub (i32.shr_u (local.get $kept) (i32.const 2)) (i32.shr_u (local.get $first) (i32.const 2))))

  (func (export "squaredDifferences")
    (param $elements i32) (param $slots i32) (param $count i32) (param $dims i32)
    (param $query i32) (param $out i32) (param $cut f32) (result i32)
    (local $slot i32) (local $kept i32) (local $first i32)
    (local $end16 i32) (local $end4 i32) (local $end i32) (local $last i32)
    (local $at i32) (local $q i32) (local $sum f32) (local $x f32) (local $v v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $end16 (i32.add (local.get $query) (i32.shl (i32.and (local.get $dims) (i32.const -16)) (i32.const 2))))
    (local.set $end4 (i32.add (local.get $query) (i32.shl (i32.and (local.get $dims) (i32.const -4)) (i32.const 2))))
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $dims) (i32.const 2))))
    (local.set $kept (local.get $slots))
    (local.set $first (local.get $slots))
    (local.set $last (i32.add (local.get $slots) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $slots) (local.get $last)))
        (local.set $slot (i32.load (local.get $slots)))
        (local.set $at (i32.add (local.get $elements)
          (i32.shl (i32.mul (local.get $slot) (local.get $dims)) (i32.const 2))))
        (local.set $q (local.get $query))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (block $done16
          (loop $next16
            (br_if $done16 (i32.ge_u (local.get $q) (local.get $end16)))
            (local.set $v (f32x4.sub (v128.load (local.get $at)) (v128.load (local.get $q))))
            (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $v) (local.get $v))))
            (local.set $v (f32x4.sub (v128.load offset=16 (local.get $at)) (v128.load offset=16 (local.get $q))))
            (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $v) (local.get $v))))
            (local.set $v (f32x4.sub (v128.load offset=32 (local.get $at)) (v128.load offset=32 (local.get $q))))
            (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $v) (local.get $v))))
            (local.set $v (f32x4.sub (v128.load offset=48 (local.get $at)) (v128.load offset=48 (local.get $q))))
            (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $v) (local.get $v))))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (local.set $q (i32.add (local.get $q) (i32.const 64)))
            (br $next16)))
        (block $done4
          (loop $next4
            (br_if $done4 (i32.ge_u (local.get $q) (local.get $end4)))
            (local.set $v (f32x4.sub (v128.load (local.get $at)) (v128.load (local.get $q))))
            (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $v) (local.get $v))))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (br $next4)))
        (local.set $a (f32x4.add
          (f32x4.add (local.get $a) (local.get $b)) (f32x4.add (local.get $c) (local.get $d))))
        (local.set $sum (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
          (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
        (block $done1
          (loop $next1
            (br_if $done1 (i32.ge_u (local.get $q) (local.get $end)))
            (local.set $x (f32.sub (f32.load (local.get $at)) (f32.load (local.get $q))))
            (local.set $sum (f32.add (local.get $sum) (f32.mul (local.get $x) (local.get $x))))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (local.set $q (i32.add (local.get $q) (i32.const 4)))
            (br $next1)))
        (local.set $slots (i32.add (local.get $slots) (i32.const 4)))
        (br_if $next
          (f32.gt (local.get $sum) (local.get $cut)))
        (i32.store (local.get $kept) (local.get $slot))
        (f32.store (local.get $out) (local.get $sum))
        (local.set $kept (i32.add (local.get $kept) (i32.const 4)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $next)))
    (i32.sub (i32.shr_u (local.get $kept) (i32.const 2)) (i32.shr_u (local.get $first) (i32.const 2))))

  (func (export "touch")
    (param $elements i32) (param $slots i32) (param $count i32) (param $dims i32) (result i32)
    (local $last i32) (local $at i32) (local $end i32) (local $mixed i32)
    (local.set $last (i32.add (local.get $slots) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $slots) (local.get $last)))
        (local.set $at (i32.add (local.get $elements)
          (i32.shl (i32.mul (i32.load (local.get $slots)) (local.get $dims)) (i32.const 2))))
        (local.set $end (i32.add (local.get $at) (i32.shl (local.get $dims) (i32.const 2))))
        (loop $line
          (local.set $mixed (i32.or (local.get $mixed) (i32.load8_u (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 64)))
          (br_if $line (i32.lt_u (local.get $at) (local.get $end))))
        (local.set $slots (i32.add (local.get $slots) (i32.const 4)))
        (br $next)))
    (local.get $mixed)))
