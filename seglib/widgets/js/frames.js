// FrameSlider: pictures that came with the page, one at a time.
import { announcer, button, card, h, once, slider } from "./ui/kit.js";

async function render({ model, el }) {
  const [pictures, labels, alts, captions] = ["pictures", "labels", "alts", "captions"].map((name) => model.get(name));
  const [width, height, besideWidth, besideHeight] = model.get("size");
  const stays = model.get("beside");
  const last = pictures.length - 1;
  const redraw = once(paint, { later: true });
  const frame = card(el, { label: `${model.get("name")}: ${pictures.length} pictures`, redraw });
  const ear = announcer();
  const put = (number) => (model.set("frame", number), model.save_changes(), redraw());
  const current = () => Math.max(0, Math.min(last, model.get("frame"))); // a link may ask for one that is not there

  // all of them are there from the start, so that none is waited for while the slider moves
  const images = pictures.map((src, i) => h("img", { src, alt: alts[i], width, height, draggable: "false" }));
  const caption = h("figcaption");
  const chooser = slider({ label: model.get("name"), min: 0, max: last, format: (i) => labels[i], oninput: put });
  const [back, next] = [[-1, "Back"], [1, "Next"]].map(([by, text]) => button(text, () => put(current() + by)));
  const reset = button("Reset", () => put(model.get("defaults").frame));
  const count = h("span", { class: "seg-status" });
  const style = h("style", {}, `
    .seglib .seg-stage { display: grid; gap: 0.375rem; grid-template-columns: ${besideWidth ? `${besideWidth / besideHeight}fr` : ""} ${width / height}fr; max-width: ${(width + besideWidth) * 3}px; margin-inline: auto; }
    .seglib .seg-stage > img { width: 100%; height: auto; border-radius: 0.25rem; margin: 0; background: none; }
    .seglib .seg-frames { display: grid; }
    .seglib .seg-frames img { grid-area: 1 / 1; display: block; width: 100%; height: auto; margin: 0; border-radius: 0.25rem; background: none; }
    .seglib .seg-frames img:not([data-shown]) { visibility: hidden; }
    .seglib[data-pixelated="true"] .seg-stage img { image-rendering: pixelated; }
    .seglib .seg-stage + figcaption { min-height: 2.8em; }
    .seglib .seg-stage + figcaption:empty { min-height: 0; }`);
  frame.root.dataset.pixelated = model.get("pixelated");
  frame.root.append(style,
    h("div", { class: "seg-controls" }, chooser.element),
    h("figure", {}, h("div", { class: "seg-stage" },
      stays ? h("img", { src: stays, alt: "", width: besideWidth, height: besideHeight }) : null,
      h("div", { class: "seg-frames" }, ...images)), caption),
    h("div", { class: "seg-actions" }, back, next, reset, count), ear.element);

  function paint() {
    const now = current();
    images.forEach((image, i) => {
      image.toggleAttribute("data-shown", i === now);
      image.setAttribute("aria-hidden", i !== now);
    });
    chooser.set(now);
    caption.textContent = captions[now] ?? "";
    count.textContent = `${now + 1} of ${pictures.length}`;
    back.disabled = now === 0;
    next.disabled = now === last;
    ear.say(`${labels[now]}. ${captions[now] ?? ""}`);
  }
  model.on("change:frame", redraw);
  paint();
  return () => {
    model.off("change:frame", redraw);
    ear.dispose();
    frame.dispose();
  };
}

export default { render };
