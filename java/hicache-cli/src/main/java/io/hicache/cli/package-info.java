// SPDX-License-Identifier: Apache-2.0
/** The command-line tool; {@code docs/cli.md} describes its commands, exit codes and JSON. */
package io.hicache.cli;
