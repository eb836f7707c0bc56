// Go: goroutines with small stacks that grow, channels, maps, panics that are recovered, the collector.
package main

import (
	"fmt"
	"sort"
	"strings"
)

type node struct {
	left, right *node
	key         int
}

//go:noinline
func (n *node) insert(key int) *node {
	if n == nil {
		return &node{key: key}
	}
	if key < n.key {
		n.left = n.left.insert(key)
	} else {
		n.right = n.right.insert(key)
	}
	return n
}

//go:noinline
func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.left.sum() + n.key + n.right.sum()
}

//go:noinline
func deep(n int) (r int) {
	var room [256]byte
	defer func() {
		if e := recover(); e != nil {
			r = len(fmt.Sprint(e))
		}
	}()
	room[n%256] = byte(n)
	if n == 0 {
		var none []int
		return none[n]
	}
	return deep(n-1) + int(room[n%256])
}

//go:noinline
func text(n int) string {
	counts := map[string]int{}
	for i := 0; i < n%20; i++ {
		counts[fmt.Sprintf("key %d", i*n%7)] += i
	}
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return strings.Join(keys, ",")
}

func worker(in <-chan int, out chan<- int) {
	var root *node
	for key := range in {
		root = root.insert(key * 7919 % 1009)
		out <- root.sum() + deep(key%40) + len(text(key))
	}
	close(out)
}

func main() {
	in, out := make(chan int), make(chan int)
	go worker(in, out)
	total := 0
	for i := 0; i < 60; i++ {
		in <- i
		total += <-out
	}
	close(in)
	words := strings.Fields("the quick brown fox jumps over the lazy dog")
	sort.Slice(words, func(i, j int) bool { return words[i] < words[j] })
	fmt.Println(total, strings.Join(words, "-"))
}
