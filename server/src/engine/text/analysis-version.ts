/**
 * Version of what analysis makes of a text. Saved indexes hold terms of the version that made them, so a change of
 * tokenizers, stemmers, stop words or folding, an upgrade of their packages included, needs the next number here: a test
 * compares the terms of sample texts and says so.
 */
export const ANALYSIS_VERSION = 2;
