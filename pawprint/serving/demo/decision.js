// What the model answers, and whether it does so by itself: `Decision` in pawprint/models/decision.py.

const SLACK = 1e-6;

/**
 * Decides on one photo.
 *
 * @param {number[]} probabilities of the classes
 * @param {?number} unlikeness above 1: the photo is unlike anything the model learned from
 * @param {{confidence: ?number, costs: ?number[][]}} decision of the model
 * @returns {{answer: number, given: boolean}} the class, and whether a person need not be asked
 */
function decide(probabilities, unlikeness, { confidence, costs }) {
  const expected = costs
    ? costs.map((_, said) => probabilities.reduce((sum, share, label) => sum + share * costs[label][said], 0))
    : probabilities.map((share) => 1 - share);
  const least = Math.min(...expected);
  const largest = costs ? costs.flat().reduce((one, other) => Math.max(one, other)) || 1 : 1;
  const given = confidence !== null && !(unlikeness > 1) && 1 - least / largest >= confidence - SLACK;
  return { answer: expected.indexOf(least), given };
}
