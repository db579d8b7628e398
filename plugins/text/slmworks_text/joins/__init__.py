"""Joins: everything about a row that depends on other rows.

In order: equal duplicates, near duplicates, those in meaning, the sample of the pool, splits,
decontamination, the sample of transfer text, balance. Each works on the numbers of a `Ledger`, and none
depends on the order in which rows were read. The policy for duplicates:

A text belongs to the first of test, validation, train and transfer that has it or one near it; elsewhere it
is dropped, so that nothing measured was learnt from. A *given* test or validation set keeps its own
duplicates: published sets stay comparable. In the training pool one row of each text and target is kept.
Where the target is a class, a text with two of them is dropped; where it isn't, all its targets are kept, in
one split. Near duplicates of one target are reduced to the smallest id; those of different targets are all
kept, in one split.
"""
