// The arithmetic of ablated label maps. No DOM in here: node replays it against PyTorch's answers.

/** U-Net's skip connections, finest first, as bit 0 to bit 3 of a set. */
export const SKIPS = ["d0c", "d1c", "d2c", "d3c"];

/** Four switches as one number from 0 (all off) to 15 (all on). */
export const setOf = (on) => on.reduce((bits, each, level) => bits | (each ? 1 << level : 0), 0);

/** Names of those that are off. */
export const offOf = (bits) => SKIPS.filter((_, level) => !((bits >> level) & 1));

/** One label map out of a sheet of maps, `size` pixels each way, at a column and row of the sheet. */
export function cut(sheet, width, size, column, row) {
  const map = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    const start = (row * size + y) * width + column * size;
    map.set(sheet.subarray(start, start + size), y * size);
  }
  return map;
}

/** Part of the pixels that are right, and mean IoU over the classes that are in the truth or predicted. */
export function scores(predicted, truth, classes) {
  const confusion = new Float64Array(classes * classes); // row: truth, column: prediction
  for (let i = 0; i < truth.length; i++) confusion[truth[i] * classes + predicted[i]]++;
  let [right, sum, there] = [0, 0, 0];
  for (let c = 0; c < classes; c++) {
    let union = -confusion[c * classes + c];
    for (let other = 0; other < classes; other++) union += confusion[c * classes + other] + confusion[other * classes + c];
    right += confusion[c * classes + c];
    if (union === 0) continue;
    sum += confusion[c * classes + c] / union;
    there++;
  }
  return { right: right / truth.length, iou: sum / there };
}

/** Python text that makes the label map now shown with PyTorch and prints the scores now shown. */
export function toPyTorch({ scene, size, scenes, references, off, kind }) {
  const before = scene === 0 ? scenes - 1 : scene - 1;
  const wanted = `[${off.map((name) => `"${name}"`).join(", ")}]`;
  const means = [
    `others = data.load("scenes", "train", length=${references}, size=${size})`,
    `others = torch.stack([data.normalise(others[i][0]) for i in range(${references})])`,
    "means = ablation.channel_means(model, others)  # what a skip connection carries on average",
  ];
  const needed = kind === "mean" && off.length > 0;
  return [
    ...(needed || kind === "other" ? ["import torch", ""] : []),
    "from seglib import ablation, data, metrics, models",
    "",
    'model = models.create("unet", weights="scenes").eval()',
    `scenes = data.load("scenes", "test", length=${scenes}, size=${size})`,
    `image, truth = scenes[${scene}]`,
    ...(needed ? means : []),
    ...(kind === "other"
      ? [`images = torch.stack([scenes[${before}][0], image])  # the second gets what the first one's skips carry`,
        `labels = ablation.predict(model, data.normalise(images), ${wanted}, kind="other")[1]`]
      : [`labels = ablation.predict(model, data.normalise(image[None]), ${wanted}, kind="${kind}"${needed ? ", means=means" : ""})[0]`]),
    "score = metrics.Segmentation(5)",
    "score.update(labels, truth)",
    'print("right", round(score.compute().pixel_accuracy, 3))',
    'print("iou", round(score.compute().mean_iou, 3))',
    "",
  ].join("\n");
}
