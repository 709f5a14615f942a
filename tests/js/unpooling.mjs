// For Python's tests: the limits that both sides must agree on.
import { LIMITS, PARTS, TEMPLATE } from "../../seglib/widgets/js/core/unpooling.js";

export const limits = () => ({ ...LIMITS, parts: PARTS, template: TEMPLATE });
