//! Bytecode as a file and as text; what is refused, and that nothing else happens where files are damaged.

use vibee::{
    bytecode::{self, Bytecode, Opcode},
    compile::compile,
    limits::Limits,
    random::SplitMix64,
    testing,
    typed::FunctionId,
    vm::Vm,
};

fn some(seed: u64) -> Bytecode {
    compile(&testing::programs::program(seed, 30)).unwrap()
}

/// A file that is refused, with the code.
fn check(bytes: &[u8], code: &str) {
    let refusal = bytecode::read(bytes).and_then(|bytecode| bytecode::verify(&bytecode)).unwrap_err();
    assert_eq!(refusal.code, code, "{refusal}");
}

/// Puts the right checksum behind bytes that were changed.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 32);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// Bytecode from text that the verifier refuses, with the code.
fn refused(body: &str, code: &str) {
    let head = "vbc 3\ntype Int\ntype String\ntype Bool\ntype List 0\nconst 1 text \"abcdefgh\"\nconst 0 word 0x5\n";
    let program = bytecode::assemble(&format!("{head}{body}")).unwrap();
    let refusal = bytecode::verify(&program).unwrap_err();
    assert_eq!(refusal.code, code, "{refusal}\n{body}");
}

#[test]
fn files_and_texts_give_the_same_bytecode_back() {
    for seed in 0..60 {
        let program = some(seed);
        assert_eq!(bytecode::read(&bytecode::write(&program)).as_ref(), Ok(&program), "seed {seed}");
        let text = bytecode::disassemble(&program, None);
        assert_eq!(bytecode::assemble(&text).as_ref(), Ok(&program), "seed {seed}\n{text}");
    }
}

#[test]
fn damaged_files_are_refused_by_name() {
    let good = bytecode::write(&some(1));
    check(b"", "E0501");
    check(b"VBC2", "E0501");
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    check(&signed(with(4, 9)), "E0502");
    check(&with(40, good[40] ^ 1), "E0503");
    check(&good[..good.len() - 1], "E0503");
    check(&signed(with(15, 0xff)), "E0504");
    check(&signed(with(17, 0xff)), "E0504");
    check(&signed(with(12, 99)), "E0505");
    check(&signed(with(12, 3)), "E0504");
}

#[test]
fn an_unknown_section_is_skipped_where_its_id_allows_it() {
    let good = bytecode::write(&some(1));
    let mut bytes = good[..12].to_vec();
    bytes[8] += 1;
    for row in good[12..12 + 12 * 7].chunks(12) {
        let mut row = row.to_vec();
        let at = u32::from_le_bytes(row[4..8].try_into().unwrap()) + 12;
        row[4..8].copy_from_slice(&at.to_le_bytes());
        bytes.extend(row);
    }
    let len = (good.len() - 32) as u32 + 12;
    for x in [0x8000_0001, len, 3] {
        bytes.extend_from_slice(&u32::to_le_bytes(x));
    }
    bytes.extend_from_slice(&good[12 + 12 * 7..good.len() - 32]);
    bytes.extend_from_slice(b"new");
    bytes.extend_from_slice(&[0; 32]);
    assert_eq!(bytecode::read(&signed(bytes)), Ok(some(1)));
}

#[test]
fn programs_that_break_a_rule_are_refused_by_name() {
    let f = |body: &str| format!("function \"f\" params 1 returns 0\n  registers 0 1 2 3 1\n{body}\n");
    refused("function \"f\" params 0 returns 9\n  registers 0\n  imm r0 1\n  ret r0\n", "E0507");
    refused(&f("  const r1 $1\n  drop r1\n  ret r0"), "E0506");
    refused(&f("  iadd r0 r0 r99\n  ret r0"), "E0507");
    refused(&f("  const r0 $7\n  ret r0"), "E0507");
    refused(&f("  iadd r0 r0 r2\n  ret r0"), "E0508");
    refused(&f("  jif r0 @1\n  ret r0"), "E0508");
    refused(&f("  not r2 r2\n  ret r0"), "E0509");
    refused(&f("  const r1 $0\n  ret r0"), "E0509");
    refused(&f("  const r1 $0\n  drop r1\n  drop r1\n  ret r0"), "E0509");
    refused(&f("  const r1 $0\n  const r1 $0\n  drop r1\n  ret r0"), "E0509");
    refused(&f("  jieqk r0 1 @2\n  const r1 $0\n  ret r0"), "E0509");
    refused(&f("  const r1 $0\n  scat r1 r1\n  drop r1\n  ret r0"), "E0509");
    refused(&f("  jieqk r0 1 @9\n  ret r0"), "E0510");
    refused(&f("  imm r0 1"), "E0511");
    refused(&f("  ret r0\n  ret r0"), "E0511");
    refused(&f("  call r0 f0\n  ret r0"), "E0511");
    refused(&f("  args r0 r0 r0\n  ret r0"), "E0511");
    refused(&f("  cover c0\n  ret r0"), "E0512");
    refused(&f("  at 0 5 4\n  ret r0"), "E0512");
    refused("const 3 parts 1 text \"a\"\n", "E0506");
    refused("const 2 word 0x2\n", "E0506");
    refused("type Set 0\nconst 4 parts 2 word 0x2 word 0x1\n", "E0506");
    refused("type Tryte 41\n", "E0508");
}

#[test]
fn text_that_is_no_bytecode_is_refused_with_its_line() {
    let check = |text: &str, expected: &str| assert_eq!(bytecode::assemble(text).unwrap_err().to_string(), expected);
    check("type Int", "line 1: the first line is `vbc 3`");
    check("vbc 3\ntype Intt", "line 2: there is no kind of type `Intt`");
    check("vbc 3\n\n ret r0", "line 3: `ret` outside a function");
    check("vbc 3\nfunction \"f\" params 0 returns 0\n rett r0", "line 3: there is no instruction `rett`");
    check("vbc 3\nfunction \"f\" params 0 returns 0\n ret 0", "line 3: `0`: `r…` expected");
    check("vbc 3\nfunction \"f\" params 0 returns 0\n ret r0 r1", "line 3: `r1` is too much");
    check("vbc 3\nmodule \"a", "line 2: no quoted text: \"a");
}

#[test]
fn changed_files_never_do_more_than_fault() {
    let mut random = SplitMix64::new(7);
    let mut n_accepted = 0;
    for seed in 0..20 {
        let good = bytecode::write(&some(seed));
        for _ in 0..250 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(good.len() as u64 - 32) as usize;
                bytes[at] = match random.below(3) {
                    0 => random.next_u64() as u8,
                    1 => bytes[at].wrapping_add(1),
                    _ => bytes[at] ^ 1 << random.below(8),
                };
            }
            let Ok(program) = bytecode::read(&signed(bytes)) else { continue };
            let Ok(mut vm) = Vm::new(&program, Limits { fuel: 5_000, memory_bytes: 1 << 20, depth: 20 }) else {
                continue;
            };
            n_accepted += 1;
            for (at, code) in program.functions.iter().enumerate() {
                if code.n_params == 0 {
                    let outcome = vm.call(FunctionId(at as u32), &[]);
                    assert!(outcome.is_err() || vm.memory_used() == 0, "seed {seed}: objects were lost");
                }
            }
        }
    }
    assert!(n_accepted > 250, "{n_accepted} files were accepted: the test says too little");
}

#[test]
fn random_programs_use_nearly_all_instructions() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..100 {
        let program = compile(&testing::programs::program(seed, 100)).unwrap();
        seen.extend(program.functions.iter().flat_map(|code| &code.code).map(|instr| instr.op));
    }
    // What long functions, coverage, wide bounds and the end of a chain of calls need has tests of its own (`engines`).
    let apart = [Opcode::Cover, Opcode::Fuel, Opcode::In, Opcode::Tail];
    let rows = bytecode::TABLE.iter().filter(|row| !apart.contains(&row.op) && !seen.contains(&row.op));
    let missing: Vec<&str> = rows.map(|row| row.name).collect();
    assert!(missing.len() <= 12, "the comparison of engines says nothing of {missing:?}");
}

#[test]
fn the_oracle_of_fuzzing_takes_anything() {
    let mut random = SplitMix64::new(11);
    for n in 0..100 {
        let mut data: Vec<u8> = (0..n % 40).map(|_| random.next_u64() as u8).collect();
        bytecode::oracle(&data);
        data.splice(0..0, *b"VBC3");
        bytecode::oracle(&data);
    }
}
