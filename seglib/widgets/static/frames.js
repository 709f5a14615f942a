var O=`/* One look for all widgets. Ink and paper come from the page's own variables (Jupyter Book, JupyterLab, VS Code,
   Colab); the Okabe-Ito colours keep their meaning in the whole book. */
.seglib {
  --seg-ink: var(--pst-color-text-base, var(--jp-content-font-color1, var(--vscode-foreground, #1f2328)));
  --seg-quiet: var(--pst-color-text-muted, var(--jp-content-font-color1, var(--vscode-foreground, #48566b)));
  --seg-paper: var(--pst-color-background, var(--jp-layout-color1, var(--vscode-editor-background, #fff)));
  --seg-tint: var(--pst-color-surface, var(--jp-layout-color2, var(--vscode-editorWidget-background, #f3f4f5)));
  --seg-line: var(--pst-color-border, var(--jp-border-color1, var(--vscode-panel-border, #d1d5da)));
  --seg-accent: #0a6b7d;
  --seg-input: #0072b2;
  --seg-kernel: #e69f00;
  --seg-output: #009e73;
  --seg-prediction: #cc79a7;
  --seg-error: #d55e00;
  --seg-unseen: #999999;
  --seg-error-ink: #a33f00;
  container-type: inline-size;
  box-sizing: border-box;
  margin: 1rem 0;
  padding: 1rem;
  border: 1px solid var(--seg-line);
  border-radius: 0.5rem;
  background: var(--seg-paper);
  color: var(--seg-ink);
  font-size: 0.9375rem;
  line-height: 1.4;
  font-variant-numeric: tabular-nums;
}
.seglib[data-dark="true"] {
  --seg-ink: var(--pst-color-text-base, var(--jp-content-font-color1, var(--vscode-foreground, #ced6dd)));
  --seg-quiet: var(--pst-color-text-muted, var(--jp-content-font-color1, var(--vscode-foreground, #b0b8c2)));
  --seg-paper: var(--pst-color-background, var(--jp-layout-color1, var(--vscode-editor-background, #14181e)));
  --seg-tint: var(--pst-color-surface, var(--jp-layout-color2, var(--vscode-editorWidget-background, #29313d)));
  --seg-line: var(--pst-color-border, var(--jp-border-color1, var(--vscode-panel-border, #48566b)));
  --seg-accent: #3fb1c5;
  --seg-input: #56b4e9; /* Okabe-Ito's sky blue: the same meaning, visible on dark paper */
  --seg-error-ink: #ff9b5c;
  color-scheme: dark;
}
.seglib *, .seglib *::before { box-sizing: border-box; }
.seglib [hidden] { display: none !important; }
.seglib .seg-title { margin: 0 0 0.75rem; font-weight: 600; font-size: 1rem; }
.seglib .seg-controls { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: end; margin: 0 0 0.75rem; }
.seglib .seg-control { flex: 1 1 10rem; min-width: 0; display: flex; flex-direction: column; }
.seglib .seg-control > label { display: flex; justify-content: space-between; gap: 0.5rem; margin: 0; font-weight: 500; }
/* Sizes that do not depend on the text keep a new value from laying out the page. */
.seglib .seg-control output { contain: strict; flex: 1; block-size: 1.4em; font-weight: 600; text-align: end; white-space: nowrap; }
.seglib input[type="range"] { contain: strict; width: 100%; height: 2rem; margin: 0; accent-color: var(--seg-accent); cursor: pointer; background: none; }
.seglib select, .seglib button {
  min-height: 2rem; padding: 0.25rem 0.625rem; border: 1px solid var(--seg-quiet); border-radius: 0.375rem;
  background: var(--seg-paper); color: inherit; font: inherit; cursor: pointer; max-width: 100%;
}
.seglib button:hover { background: var(--seg-tint); }
.seglib button[aria-pressed="true"] { background: var(--seg-accent); border-color: var(--seg-accent); color: var(--seg-paper); }
.seglib button:disabled { opacity: 0.5; cursor: not-allowed; }
@media (pointer: coarse) {
  .seglib input[type="range"], .seglib select, .seglib button { min-height: 2.75rem; }
}
.seglib :is(input, select, button, canvas, summary, pre):focus-visible { outline: 3px solid var(--seg-accent); outline-offset: 2px; }
.seglib figure { margin: 0; padding: 0; min-width: 0; }
.seglib figure figcaption { margin: 0.25rem 0 0; padding: 0; color: var(--seg-quiet); font-size: 0.8125rem; font-weight: 400; font-family: inherit; text-align: start; }
/* A layer of its own: a new picture does not repaint the card, nor a new number the pictures. */
.seglib canvas { will-change: transform; display: block; width: 100%; border-radius: 0.25rem; touch-action: pan-y; background: var(--seg-tint); }
.seglib canvas[tabindex] { cursor: crosshair; }
.seglib dl.seg-readouts { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; margin: 0.75rem 0; padding: 0.5rem 0.75rem; border-radius: 0.375rem; background: var(--seg-tint); }
.seglib .seg-readouts > div { display: flex; gap: 0.4rem; align-items: center; margin: 0; }
.seglib .seg-readouts > div > :is(dt, dd) { float: none; display: block; width: auto; margin: 0; padding: 0; }
.seglib .seg-readouts > div > dt { font-weight: 400; }
.seglib .seg-readouts > div > dd { font-weight: 600; }
.seglib .seg-legend { display: flex; flex-wrap: wrap; gap: 0.125rem 1rem; margin: 0.5rem 0 0; padding: 0; list-style: none; font-size: 0.8125rem; }
.seglib .seg-legend li { display: flex; align-items: center; gap: 0.4rem; margin: 0; }
.seglib .seg-swatch { flex: none; width: 0.875rem; height: 0.875rem; border: 2px solid var(--swatch); border-radius: 2px; }
.seglib .seg-swatch[data-cue="fill"] { background: var(--swatch); }
.seglib .seg-swatch[data-cue="hatch"] { background: repeating-linear-gradient(45deg, var(--swatch) 0 1.5px, transparent 1.5px 4px); border-width: 1px; }
.seglib .seg-swatch[data-cue="dash"] { border-style: dashed; }
.seglib .seg-actions { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin: 0.75rem 0 0; font-size: 0.8125rem; }
.seglib .seg-status { color: var(--seg-quiet); flex: 1 1 14rem; }
.seglib .seg-reason { margin: 0.25rem 0 0; color: var(--seg-error-ink); }
.seglib .seg-reason::before { content: "✕ "; }
.seglib .seg-code { margin: 0.5rem 0 0; max-height: 16rem; overflow: auto; padding: 0.75rem; border: 1px solid var(--seg-line); border-radius: 0.375rem; background: var(--seg-tint); color: inherit; font-size: 0.8125rem; white-space: pre; }
.seglib .seg-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media print { .seglib .seg-actions, .seglib .seg-controls { display: none; } }
`;function o(e,t={},...r){let s=document.createElement(e);for(let[n,i]of Object.entries(t))typeof i=="function"?s.addEventListener(n.slice(2),i):i===!0?s.setAttribute(n,""):i!==!1&&i!=null&&s.setAttribute(n,i);return s.append(...r.filter(n=>n!=null)),s}function S(e,t){e.firstChild?.nodeType!==Node.TEXT_NODE?e.textContent=t:e.firstChild.data!==t&&(e.firstChild.data=t)}var I=(e,t,r)=>e.getAttribute(t)!==r&&e.setAttribute(t,r),B=0,F=()=>`seg-${++B}-${Math.random().toString(36).slice(2,7)}`;function z(e){for(let t=e;t;t=t.parentElement??t.getRootNode().host){let[r,s,n,i=1]=(getComputedStyle(t).backgroundColor.match(/[\d.]+/g)??[0,0,0,0]).map(Number);if(i>.5)return .299*r+.587*s+.114*n<128}return matchMedia("(prefers-color-scheme: dark)").matches}function R(e,{label:t,redraw:r}){let s=o("section",{class:"seglib","aria-label":t},o("style",{},O));e.append(s);let n=new Map,i=()=>{s.dataset.dark=z(e),s.dataset.dark=z(s)},g=()=>{n.clear(),i(),r()},p=new MutationObserver(g);for(let l of[document.documentElement,document.body])p.observe(l,{attributeFilter:["class","theme","data-theme","data-mode","data-jp-theme-light","data-jp-theme-name"]});let c=matchMedia("(prefers-color-scheme: dark)");return c.addEventListener("change",g),i(),{root:s,colour(l){return n.has(l)||n.set(l,getComputedStyle(s).getPropertyValue(`--seg-${l}`).trim()),n.get(l)},dispose(){p.disconnect(),c.removeEventListener("change",g),s.remove()}}}function A({label:e,min:t,max:r,step:s=1,format:n=String,oninput:i}){let g=F(),p=o("output",{for:g}),c=o("input",{type:"range",id:g,min:t,max:r,step:s,oninput:()=>(l(),i(Number(c.value)))}),l=()=>{let d=n(Number(c.value));S(p,d),I(c,"aria-valuetext",d)};return{element:o("div",{class:"seg-control"},o("label",{for:g},e,p),c),input:c,set(d){c.value!==String(d)&&(c.value=d),l()},range(d,f){c.min=d,c.max=f,l()}}}var w=(e,t,r={})=>o("button",{type:"button",onclick:t,...r},e);function q(){let e=o("p",{class:"seg-hidden","aria-live":"polite"}),t;return{element:e,say(r){clearTimeout(t),t=setTimeout(()=>S(e,r),500)},dispose:()=>clearTimeout(t)}}var W=2;function L(e,{later:t=!1}={}){let r=!1,s=0,n=()=>{r=!1;let i=performance.now();e(),s=.7*s+.3*(performance.now()-i)};return()=>{r||(r=!0,s<W&&!t?queueMicrotask(n):J(n))}}function J(e){requestAnimationFrame(()=>{let{port1:t,port2:r}=new MessageChannel;t.onmessage=()=>(t.close(),e()),r.postMessage(null)})}async function _({model:e,el:t}){let[r,s,n,i]=["pictures","labels","alts","captions"].map(a=>e.get(a)),[g,p,c,l]=e.get("size"),d=e.get("beside"),f=r.length-1,b=L($,{later:!0}),h=R(t,{label:`${e.get("name")}: ${r.length} pictures`,redraw:b}),m=q(),v=a=>(e.set("frame",a),e.save_changes(),b()),x=()=>Math.max(0,Math.min(f,e.get("frame"))),y=r.map((a,u)=>o("img",{src:a,alt:n[u],width:g,height:p,draggable:"false"})),k=o("figcaption"),C=A({label:e.get("name"),min:0,max:f,format:a=>s[a],oninput:v}),[E,j]=[[-1,"Back"],[1,"Next"]].map(([a,u])=>w(u,()=>v(x()+a))),N=w("Reset",()=>v(e.get("defaults").frame)),T=o("span",{class:"seg-status"}),P=o("style",{},`
    .seglib .seg-stage { display: grid; gap: 0.375rem; grid-template-columns: ${c?`${c/l}fr`:""} ${g/p}fr; max-width: ${(g+c)*3}px; margin-inline: auto; }
    .seglib .seg-stage > img { width: 100%; height: auto; border-radius: 0.25rem; margin: 0; background: none; }
    .seglib .seg-frames { display: grid; }
    .seglib .seg-frames img { grid-area: 1 / 1; display: block; width: 100%; height: auto; margin: 0; border-radius: 0.25rem; background: none; }
    .seglib .seg-frames img:not([data-shown]) { visibility: hidden; }
    .seglib[data-pixelated="true"] .seg-stage img { image-rendering: pixelated; }
    .seglib .seg-stage + figcaption { min-height: 2.8em; }
    .seglib .seg-stage + figcaption:empty { min-height: 0; }`);h.root.dataset.pixelated=e.get("pixelated"),h.root.append(P,o("div",{class:"seg-controls"},C.element),o("figure",{},o("div",{class:"seg-stage"},d?o("img",{src:d,alt:"",width:c,height:l}):null,o("div",{class:"seg-frames"},...y)),k),o("div",{class:"seg-actions"},E,j,N,T),m.element);function $(){let a=x();y.forEach((u,M)=>{u.toggleAttribute("data-shown",M===a),u.setAttribute("aria-hidden",M!==a)}),C.set(a),k.textContent=i[a]??"",T.textContent=`${a+1} of ${r.length}`,E.disabled=a===0,j.disabled=a===f,m.say(`${s[a]}. ${i[a]??""}`)}return e.on("change:frame",b),$(),()=>{e.off("change:frame",b),m.dispose(),h.dispose()}}var Y={render:_};export{Y as default};
