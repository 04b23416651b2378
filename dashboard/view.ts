// What the page shows at a time: one view, made for an address and closed when it is left.

export interface View {
  readonly root: HTMLElement;
  /** For the tab of the browser; a view may call `document.title` later itself. */
  readonly title: string;
  close(): void;
}
