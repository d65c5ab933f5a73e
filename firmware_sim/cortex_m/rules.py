"""How long instructions take, as numbers, each with where it comes from [targets.md 2].

Access rules are of one right after another instruction; refills are cycles beyond the one that a
jump takes, until the instruction that is jumped to can be executed.
"""

from __future__ import annotations

from dsplet.firmware_sim.cross.timing import Rule

M4 = "Arm DDI0439 3.3.1"
M3 = "Arm DDI0337 18.2"
M3_PAIRS = "Arm DDI0337 18.3 (r2p1), TI SWCU185 of an M4F"
M0_PLUS = "Arm DDI0484 3.3"
M7 = "LLVM 14's schedule of the Cortex-M7"
M33 = "Arm DDI0553 and 100230 have no cycles"
COUNTS = "pqm4's counts on an STM32L4R5, manual: "
"""158 of the counts in counts.csv."""

CORTEX_M4 = {
    "other": Rule(1, M4),
    "multiply": Rule(1, M4),
    "multiply_add": Rule(1, M4),
    "multiply_long": Rule(1, M4),
    "multiply_add_long": Rule(1, M4),
    "multiply_packed": Rule(1, M4),
    "divide": Rule(2, f"{M4}: 2 to 12, fewer for short quotients; how is not said", open=(2, 12)),
    "divide_most": Rule(12, M4),
    "it": Rule(0, f"{COUNTS}0 or 1", "fitted"),
    "load": Rule(2, M3_PAIRS, "read"),
    "load_several": Rule(1, f"{M3_PAIRS}: 1 and one for each register", "read"),
    "load_pair": Rule(2, f"{COUNTS}1 and one for each register", "fitted"),
    "store": Rule(1, M3_PAIRS, "read"),
    "store_several": Rule(1, f"{M3_PAIRS}: 1 and one for each register", "read"),
    "store_pair": Rule(2, f"{COUNTS}1 and one for each register", "fitted"),
    "load_after_load": Rule(1, f"{M3_PAIRS}; not one that changes its base, nor one whose address "
                               "was just loaded", "read"),
    "load_after_store": Rule(3, f"{COUNTS}2, as it rides on no store", "fitted"),
    "store_after_store": Rule(2, f"{COUNTS}1, at most 2 because of the buffer", "fitted"),
    "store_indexed": Rule(2, f"{M3_PAIRS}: 1 after a load", "read"),
    "several_after_store": Rule(1, f"{COUNTS}they ride on nothing", "fitted"),
    "access_after_several": Rule(1, f"{COUNTS}nothing rides on them", "fitted"),
    "base_just_loaded": Rule(1, f"{COUNTS}not said", "fitted"),
    "address_just_computed": Rule(1, f"{M3_PAIRS}: no forwarding path", "read"),
    "unaligned": Rule(1, f"{M3_PAIRS}: a load in two pieces", "read"),
    "unaligned_odd": Rule(2, f"{M3_PAIRS}: a word from an odd address, in three", "read"),
    "branch_refill": Rule(1, f"{COUNTS}1 to 3", "fitted"),
    "call_refill": Rule(1, f"{COUNTS}1 to 3", "fitted"),
    "conditional_branch_refill": Rule(2, f"{COUNTS}1 to 3; they do not tell it from the weight of "
                                         "fetches", "fitted", open=(1, 2, 3)),
    "branch_register_refill": Rule(2, f"{COUNTS}1 to 3", "fitted", open=(1, 2, 3)),
    "load_several_pc_refill": Rule(3, f"{COUNTS}1 to 3, which they leave open", "fitted",
                                   open=(1, 2, 3)),
    "load_pc_refill": Rule(3, f"{M4}: at least 5 in all", "read"),
    "table_branch": Rule(3, f"{M4}: at least 6 in all", "read"),
    "table_branch_refill": Rule(3, f"{M4}: at least 6 in all", "read"),
    "vector_load": Rule(2, M4),
    "vector_load_several": Rule(1, f"{M4}: 1 and one for each register"),
    "vector_store": Rule(2, M4),
    "vector_store_several": Rule(1, f"{M4}: 1 and one for each register"),
    "float_multiply_add": Rule(3, M4),
    "float_divide": Rule(14, M4),
}
CORTEX_M3 = {name: rule for name, rule in CORTEX_M4.items()
             if not name.startswith(("vector", "float", "multiply_packed"))} | {
    "other": Rule(1, M3),
    "multiply": Rule(1, M3),
    "multiply_add": Rule(2, M3),
    "multiply_long": Rule(4, f"{M3}: 3 to 5, by the operands", open=(3, 5)),
    "multiply_add_long": Rule(5, f"{M3}: 4 to 7, by the operands", open=(4, 7)),
    "divide": Rule(2, f"{M3}: 2 to 12, fewer for short quotients; how is not said", open=(2, 12)),
    "divide_most": Rule(12, M3),
}
CORTEX_M0_PLUS = {
    "other": Rule(1, M0_PLUS),
    "multiply": Rule(1, f"{M0_PLUS}: 1 or 32, as the chip's maker chose", choices=(1, 32)),
    "load": Rule(2, M0_PLUS),
    "load_several": Rule(1, f"{M0_PLUS}: 1 and one for each register"),
    "store": Rule(2, M0_PLUS),
    "store_several": Rule(1, f"{M0_PLUS}: 1 and one for each register"),
    "unaligned": Rule(0, f"{M0_PLUS}: a fault"),
    "unaligned_odd": Rule(0, f"{M0_PLUS}: a fault"),
    "branch_refill": Rule(1, M0_PLUS),
    "call_refill": Rule(2, M0_PLUS),
    "conditional_branch_refill": Rule(1, M0_PLUS),
    "branch_register_refill": Rule(1, M0_PLUS),
    "load_several_pc_refill": Rule(2, f"{M0_PLUS}: POP with pc is 3 and one for each register"),
}
CORTEX_M7 = {
    "other": Rule(1, f"{M7}: 1"),
    "second": Rule(1, f"{M7}: two in a cycle at most", "read", open=(0, 1)),
    "load_wait": Rule(1, f"{M7}: a load's result is there after 2", "read", open=(0, 1)),
    "store_wait": Rule(2, f"{M7}: 3 from one store to what needs it", "read", open=(0, 2)),
    "register_halves": Rule(2, "Arm DDI0489: 64 bits a cycle; at least half a cycle each",
                            open=(1, 2)),
    "multiply_wait": Rule(1, f"{M7}: a product is there after 2", "read", open=(0, 1)),
    "divide_wait": Rule(11, f"{M7}: 7 in all; 2 to 12 on the M4", open=(1, 11)),
    "taken": Rule(6, "Arm DDI0489: six stages, of which a wrong guess empties at most all",
                  open=(0, 6)),
    "not_taken": Rule(6, "Arm DDI0489: likewise, guessed to be taken", open=(0, 6)),
    "unaligned": Rule(1, f"{M3_PAIRS}, at most", open=(0, 1)),
    "unaligned_odd": Rule(2, f"{M3_PAIRS}, at most", open=(0, 2)),
}
CORTEX_M33 = {
    "other": Rule(1, f"{M33}: 1, as on the M3"),
    "second": Rule(1, f"{M33}: some pairs of 16-bit instructions go together", open=(0, 1)),
    "load_wait": Rule(2, f"{M33}: 1, and 1 where the next needs it; after a store 2 more on the M4",
                      open=(0, 2)),
    "store_wait": Rule(1, f"{M33}: 1 on the M4 after a store", open=(0, 1)),
    "register_halves": Rule(2, f"{M33}: a cycle for each register, as on the M3"),
    "multiply_wait": Rule(1, f"{M33}: 1, and 1 where the next needs it", open=(0, 1)),
    "divide_wait": Rule(11, f"{M33}: 2 to 12, as on the M3", open=(1, 11)),
    "taken": Rule(3, f"{M33}: three stages, 1 to 3 on the M3", open=(1, 3)),
    "not_taken": Rule(0, f"{M33}: nothing is guessed"),
    "unaligned": Rule(1, f"{M3_PAIRS}, at most", open=(0, 1)),
    "unaligned_odd": Rule(2, f"{M3_PAIRS}, at most", open=(0, 2)),
}
"""Of both: what their makers do not tell is open, and cycles are the most that it may be."""
